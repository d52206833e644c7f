//! The keys about who is told: the broker, the HTTP API, receivers of webhooks, the log, and how often health is said.

use super::{Table, key};

pub(super) const TABLES: &[Table] = &[
    Table {
        path: "mqtt",
        header: "[mqtt]",
        about: "The MQTT 5 broker that is told of everything. Without this table no broker is told.",
        keys: &[
            key("host", "\"localhost\"", "For example. Name or address."),
            key("port", "1883", "Its port. Without this key 1883, or 8883 with tls = true."),
            key(
                "client-id",
                "\"amslpr\"",
                "Name of this node at the broker; two nodes of one name throw each other out.",
            ),
            key("username", "\"amslpr\"", "For example. Only for brokers that ask for it."),
            key(
                "password",
                "{ credential = \"amslpr.mqtt-password\" }",
                "For example. Where it is kept: { credential = \"amslpr...\" } or { file = \"/path\" }.",
            ),
            key("tls", "false", "Talk TLS to it. Its certificate and the name in it are always checked."),
            key(
                "ca",
                "\"/etc/ssl/certs/ca-certificates.crt\"",
                "For example. The authorities that may vouch for it, as PEM; without it those of the system.",
            ),
            key(
                "certificate",
                "\"/etc/amslpr/mqtt.crt\"",
                "For example. Our own certificate, for brokers that ask for one, as PEM,",
            ),
            key(
                "key",
                "{ credential = \"amslpr.mqtt-key\" }",
                "For example. and where its private key is kept, as PEM. New ones are taken at the next start.",
            ),
            key("prefix", "\"amslpr\"", "First part of every topic."),
            key("keep-alive", "\"30s\"", "A broker silent for this long is asked whether it is still there."),
            key(
                "commands",
                "false",
                "Listen to commands. Whoever may write to .../cmd/# at the broker can then change lists and open gates:\n\
                 see config/mosquitto/.",
            ),
            key(
                "images",
                "false",
                "Publish the picture of each passage as well; [evidence] must keep it. Pictures of cars are personal data.",
            ),
            key(
                "home-assistant",
                "true",
                "For example. true announces this node to Home Assistant, false takes that back; without it nothing is said.",
            ),
            key("discovery-prefix", "\"homeassistant\"", "First part of Home Assistant's own topics."),
        ],
    },
    Table {
        path: "http",
        header: "[http]",
        about: "The HTTP API, /metrics and live events. Without this table nothing is served.",
        keys: &[
            key(
                "read-token",
                "{ credential = \"amslpr.http-read\" }",
                "For example. Where the tokens of those who may read are kept, one a line, 20 characters or more each:\n{ credential = \"amslpr...\" } or { file = \"/path\" }.",
            ),
            key(
                "operate-token",
                "{ credential = \"amslpr.http-operate\" }",
                "For example. The same of those who may change lists and open gates, too.",
            ),
            key(
                "listen",
                "\"127.0.0.1:5001\"",
                "Address and port. On a loopback address /metrics needs no token; everything with plates needs one everywhere.",
            ),
            key(
                "certificate",
                "\"/etc/amslpr/http.crt\"",
                "For example. Serve TLS, with this certificate as PEM,",
            ),
            key(
                "key",
                "{ credential = \"amslpr.http-key\" }",
                "For example. and where its private key is kept, as PEM.",
            ),
            key("rate", "50", "Requests a second that one address may make; five times as many at once."),
            key("connections", "128", "Connections at a time; one address may have three quarters of them."),
            key("listeners", "64", "Listeners to live events at a time."),
        ],
    },
    Table {
        path: "webhook",
        header: "[[webhook]]",
        about: "Somebody who is told of what is recorded by HTTP: each event is posted to the address, signed, in order, until the\nreceiver has it (an answer of 2xx), won't have it (413, 415, 422) or it is too old. One such table\nper receiver. Not for opening gates: it may be told late. What it is told is what the journal holds.",
        keys: &[
            key("name", "\"office\"", "For example. By it the journal knows how far its receiver got."),
            key("url", "\"https://example.net/amslpr\"", "For example."),
            key(
                "secret",
                "{ credential = \"amslpr.webhook-secret\" }",
                "For example. Where the secret is kept by which the receiver knows that it is us (the signature is that of the\nStandard Webhooks): \"whsec_\" and 24 to 64 bytes in base64, one a line while they are exchanged.",
            ),
            key(
                "events",
                "[\"passage\"]",
                "What it is told of: \"passage\" when a vehicle has left, \"decision\" as soon as there is one, \"gate\" what became of\norders. The bodies are those of /api/v1/events.",
            ),
            key(
                "ca",
                "\"office-ca.crt\"",
                "For example. Certificates (PEM) of the authority that vouches for an https:// receiver; without it, the system's.",
            ),
            key("timeout", "\"5s\"", "An answer later than this is none: 100 ms to 10 s."),
            key("keep", "\"3d\"", "What could not be delivered for this long is given up: 1 min to 30 d."),
        ],
    },
    Table {
        path: "log",
        header: "[log]",
        about: "What is logged.",
        keys: &[
            key(
                "level",
                "\"info\"",
                "\"error\", \"warn\", \"info\", \"debug\" or \"trace\". AMSLPR_LOG in the environment wins.",
            ),
            key("plates", "false", "Log plates too. They are personal data."),
        ],
    },
    Table {
        path: "health",
        header: "[health]",
        about: "What the machine and the cameras are doing.",
        keys: &[key("every", "\"30s\"", "How often it is said, besides when it changes.")],
    },
];
