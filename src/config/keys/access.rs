//! The keys about who may pass: lists, schedules, gates, and where commands are given.

use super::{Table, key};

pub(super) const TABLES: &[Table] = &[
    Table {
        path: "list",
        header: "[[list]]",
        about: "A list of plates. One such table per list.",
        keys: &[
            key("name", "\"residents\"", "For example. Stands in every decision that the list settles."),
            key(
                "kind",
                "\"allow\"",
                "For example. \"allow\" lets in, \"block\" wins over every allow list, \"watch\" only tells.",
            ),
            key(
                "plates",
                "[{ plate = \"B 123 ABC\", note = \"Anna's van\" }, { plate = \"IS 07 XYZ\", until = \"2026-12-24\", uses = 2 }]",
                "For example. The plates, written as you like. Besides a note an entry may have: from and until (days or times),\nschedule, and for guests on allow lists uses (times to be let in) and lasts (\"4h\" from the first time on).",
            ),
            key(
                "file",
                "\"residents.csv\"",
                "For example. More plates: a CSV file with the columns plate and note, or with a first line that names some of\nplate, note, from, until, uses, lasts, schedule.",
            ),
            key(
                "tolerant",
                "false",
                "Also match plates that differ only in look-alike characters, such as 0 and O. Not for block lists.",
            ),
            key("schedule", "\"office\"", "For example. It holds only while this [[schedule]] is open."),
            key(
                "cameras",
                "[\"north-gate\"]",
                "For example. It holds only for these cameras. Without it for all.",
            ),
            key(
                "capacity",
                "false",
                "Vehicles of this list that may be inside at a time, such as 3; or false.",
            ),
        ],
    },
    Table {
        path: "list.plates",
        header: "",
        about: "",
        keys: &[
            key("plate", "\"B 123 ABC\"", "For example."),
            key("note", "\"Anna's van\"", "For example."),
            key("from", "\"2026-12-01\"", "For example."),
            key("until", "\"2026-12-24\"", "For example."),
            key("uses", "3", "For example."),
            key("lasts", "\"4h\"", "For example."),
            key("schedule", "\"office\"", "For example."),
        ],
    },
    Table {
        path: "access",
        header: "[access]",
        about: "What holds for all lists.",
        keys: &[
            key(
                "anti-passback",
                "\"off\"",
                "A plate that comes in twice without leaving in between: \"soft\" tells, \"hard\" refuses it. Needs cameras\nwith role = \"entry\" and \"exit\".",
            ),
            key(
                "capacity",
                "false",
                "Vehicles of all allow lists that may be inside at a time, such as 40; or false.",
            ),
            key(
                "longest-stay",
                "\"24h\"",
                "A vehicle that was not seen leaving is taken for gone after this time.",
            ),
        ],
    },
    Table {
        path: "schedule",
        header: "[[schedule]]",
        about: "Weekly hours, for lists and entries that name them. One such table per schedule.",
        keys: &[
            key("name", "\"office\"", "For example. How lists and entries call it."),
            key(
                "hours",
                "[\"mon-fri 07:00-18:00\", \"sat 22:00-06:00\"]",
                "For example. Days and times; what ends after midnight belongs to the day it begins on.",
            ),
            key(
                "zone",
                "\"system\"",
                "The time zone of the hours, such as \"Europe/Bucharest\", or this machine's.",
            ),
            key("holidays", "[\"2026-12-25\"]", "For example. Days on which it has other hours:"),
            key(
                "on-holidays",
                "\"closed\"",
                "\"closed\", \"like-sunday\", or \"ignored\": a day like any other.",
            ),
        ],
    },
    Table {
        path: "gate",
        header: "[[gate]]",
        about: "A gate that is asked to open for admitted vehicles. One such table per gate, each with exactly one of the\noutputs gpio, mqtt, http and wiegand. It is never asked to close.",
        keys: &[
            key("name", "\"north\"", "For example. Becomes part of MQTT topics: a-z, 0-9 and \"-\"."),
            key(
                "cameras",
                "[\"north-gate\"]",
                "For example. The cameras whose admitted vehicles it opens for.",
            ),
            key("pulse", "\"500ms\"", "How long the output is switched on: 50 ms to 10 s."),
            key("gap", "\"2s\"", "Least rest between two pulses; a second vehicle waits for it."),
            key(
                "hold-off",
                "\"0s\"",
                "After an opening, other vehicles are refused for this long: for inputs where a second pulse would stop the gate.",
            ),
            key("valid", "\"10s\"", "A decision older than this opens nothing any more: 1 s to 1 min."),
        ],
    },
    Table {
        path: "gate.gpio",
        header: "[gate.gpio]",
        about: "A relay at a pin of this machine.",
        keys: &[
            key(
                "line",
                "\"GPIO17\"",
                "For example. The line's name, or { chip = \"pinctrl-rp1\", offset = 17 }; `gpioinfo` lists both.",
            ),
            key("active-low", "false", "The low level switches the relay on."),
        ],
    },
    Table {
        path: "gate.interlock",
        header: "[gate.interlock]",
        about: "For any gate: an input that forbids opening while it is active, and cuts a pulse short.",
        keys: &[
            key("line", "\"GPIO5\"", "For example."),
            key("active-low", "false", "The low level is the active one."),
            key("pull", "\"none\"", "The chip's own resistor: \"none\", \"up\" or \"down\"."),
            key("debounce", "\"50ms\"", "A level counts once it has stood for this long."),
        ],
    },
    Table {
        path: "gate.presence",
        header: "[gate.presence]",
        about: "For any gate: an input that a vehicle must be on, such as a loop. An order waits for it while it is valid.",
        keys: &[
            key("line", "\"GPIO6\"", "For example."),
            key("active-low", "false", "The low level is the active one."),
            key("pull", "\"none\"", "The chip's own resistor: \"none\", \"up\" or \"down\"."),
            key("debounce", "\"50ms\"", "A level counts once it has stood for this long."),
        ],
    },
    Table {
        path: "gate.mqtt",
        header: "[[gate]]\nname = \"yard-gate\"\ncameras = [\"yard\"]\n[gate.mqtt]",
        about: "A gate that somebody opens who listens at the broker.",
        keys: &[
            key(
                "topic",
                "\"zigbee2mqtt/yard-gate/set\"",
                "For example. Without it .../gate/<name>/command below our own topics.",
            ),
            key(
                "payload",
                "'{\"state\": \"ON\", \"on_time\": 1}'",
                "For example. What is sent. Without it our own message, with the passage and valid_until.",
            ),
        ],
    },
    Table {
        path: "gate.http",
        header: "[[gate]]\nname = \"street-gate\"\ncameras = [\"street\"]\n[gate.http]",
        about: "A relay on the network, such as a Shelly. It is called once per order.",
        keys: &[
            key(
                "url",
                "\"http://192.0.2.20/relay/0?turn=on&timer={seconds}\"",
                "For example. {seconds} stands for the pulse. A relay of the second generation:\n\"http://192.0.2.20/rpc/Switch.Set?id=0&on=true&toggle_after={seconds}\".",
            ),
            key(
                "release-url",
                "\"http://192.0.2.20/relay/0?turn=off\"",
                "For example. Only for relays that cannot switch themselves off.",
            ),
            key("method", "\"get\"", "\"get\" or \"post\"."),
            key("username", "\"admin\"", "For example. Only for relays that ask for it."),
            key(
                "password",
                "{ credential = \"amslpr.relay-password\" }",
                "For example. Where it is kept: { credential = \"amslpr...\" } or { file = \"/path\" }.",
            ),
            key(
                "authentication",
                "\"basic\"",
                "\"basic\", or \"digest\", which does not send the password: relays of Shelly's second generation want it.",
            ),
            key(
                "ca",
                "\"relay-ca.crt\"",
                "For example. Certificates (PEM) of the authority that vouches for an https:// relay; without it, the system's.",
            ),
            key("timeout", "\"2s\"", "An answer later than this is none: 100 ms to 5 s."),
        ],
    },
    Table {
        path: "gate.wiegand",
        header: "[[gate]]\nname = \"controller\"\ncameras = [\"north-gate\"]\n[gate.wiegand]",
        about: "An access controller that takes us for a card reader.",
        keys: &[
            key("d0", "\"GPIO23\"", "For example. The line for zeros."),
            key("d1", "\"GPIO24\"", "For example. The line for ones."),
            key("active-low", "false", "The low level is the pulse."),
            key("bits", "26", "26 or 34, parity included."),
            key(
                "cards",
                "\"cards.csv\"",
                "For example. Card numbers: a CSV file with the columns plate and card. Without it 26 bits carry the end of\nthe plate's SHA-1, which whoever knows the plate can know, and two plates may share.",
            ),
            key(
                "manual-card",
                "1",
                "For example. The number sent for `amslpr gate open`; without it that is refused.",
            ),
        ],
    },
    Table {
        path: "control",
        header: "[control]",
        about: "Where `amslpr gate open` and its like speak to the running daemon.",
        keys: &[key(
            "socket",
            "\"/run/amslpr/control.sock\"",
            "A socket in a folder of its own, for the daemon's user and root only.",
        )],
    },
];
