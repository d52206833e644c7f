//! The keys of cameras: what is read, how it is looked at, what wakes it.

use super::{Table, key};

pub(super) const TABLES: &[Table] = &[
    Table {
        path: "camera",
        header: "[[camera]]",
        about: "A camera. One such table per camera, each with exactly one of the sources replay, v4l2 and rtsp.",
        keys: &[
            key(
                "name",
                "\"north-gate\"",
                "For example. Becomes part of MQTT topics and of the log: a-z, 0-9 and \"-\".",
            ),
            key(
                "role",
                "\"both\"",
                "What vehicles do in front of it: \"entry\" (they come towards it), \"exit\" (they leave), \"both\".",
            ),
            key(
                "line",
                "[[0.1, 0.6], [0.9, 0.6]]",
                "For example. For role \"both\": crossing this line from its left to its right is approaching. Without\nit the plate's way through the picture tells. Places are fractions of the picture, from its upper left.",
            ),
            key(
                "zones",
                "[[[0.0, 0.3], [1.0, 0.3], [1.0, 1.0], [0.0, 1.0]]]",
                "For example. Only plates within one of these polygons count. Without it all do.",
            ),
            key(
                "masks",
                "[[[0.0, 0.0], [0.3, 0.0], [0.3, 0.1]]]",
                "For example. Whatever is within one of these polygons is ignored: a clock in the picture, a poster.",
            ),
            key("min-plate-height", "10", "Plates lower than this, in pixels, do not count."),
            key(
                "memory",
                "\"96 MiB\"",
                "Its pictures in memory at a time, six at most: 3 MiB each at 1920x1080, 12 MiB at 3840x2160. Less on a board with 1 GiB;\na picture for which there is no room is dropped and counted.",
            ),
            key("enabled", "true", "false switches the camera off without forgetting it."),
            key(
                "decode",
                "\"auto\"",
                "Which pictures of a stream are decoded: \"all\", \"key\" (key frames only), or \"auto\": all while something moves,\na plate is followed or a trigger says so, key frames otherwise. Set the camera to a key frame (I-frame) every 1 to 2 s.\nRecordings are always decoded whole.",
            ),
            key(
                "motion",
                "true",
                "Look for plates only where something moves in the zones; false looks at all that is decoded.",
            ),
            key("motion-change", "10", "Least change of brightness, in grey steps, that is motion."),
            key("linger", "\"3s\"", "Motion counts for this long."),
            key(
                "look-every",
                "\"5s\"",
                "Where nothing moves, a picture is looked at this often all the same.",
            ),
        ],
    },
    Table {
        path: "camera.replay",
        header: "[camera.replay]",
        about: "A recording, played as if it were a camera.",
        keys: &[
            key(
                "path",
                "\"/srv/clips/gate.mp4\"",
                "For example. A clip, or a folder of pictures in the order of their names.",
            ),
            key(
                "speed",
                "\"real-time\"",
                "\"real-time\", or \"fast\": as fast as it can be looked at, no frame left out.",
            ),
            key("interval", "\"40ms\"", "Time between two pictures of a folder."),
        ],
    },
    Table {
        path: "camera.trigger",
        header: "[camera.trigger]",
        about: "For any camera: an input that wakes it, such as a loop in the road.",
        keys: &[
            key("line", "\"GPIO22\"", "For example."),
            key("active-low", "false", "The low level is the active one."),
            key("pull", "\"none\"", "The chip's own resistor: \"none\", \"up\" or \"down\"."),
            key("debounce", "\"50ms\"", "A level counts once it has stood for this long."),
            key("hold", "\"10s\"", "The camera stays awake for this long after the input has come to rest."),
        ],
    },
    Table {
        path: "camera.v4l2",
        header: "[[camera]]\nname = \"yard\"\n[camera.v4l2]",
        about: "A camera at this machine.",
        keys: &[
            key("device", "\"/dev/video0\"", "The device. A name below /dev/v4l/by-id/ survives replugging."),
            key("width", "1280", "Wanted width of the picture; the nearest that the camera has is taken."),
            key("height", "720", "Wanted height of the picture."),
            key("fps", "15", "Wanted frames per second."),
            key(
                "format",
                "\"auto\"",
                "\"auto\", or one of \"mjpeg\", \"yuyv\", \"uyvy\", \"nv12\", \"yu12\", \"rgb3\", \"bgr3\", \"grey\".",
            ),
            key(
                "exposure",
                "\"2ms\"",
                "For example. How long a picture is exposed, or \"auto\". Without it the camera's own setting stays. A plate at\n45 km/h wants 2 ms; `amslpr aim` says how long is short enough.",
            ),
            key(
                "gain",
                "40",
                "For example. In the camera's own units, or \"auto\". Without it the camera's own setting stays.",
            ),
            key(
                "power-line",
                "\"50hz\"",
                "For example. The mains that lamps flicker with: \"50hz\", \"60hz\", \"auto\" or \"off\". Without it as it is.",
            ),
        ],
    },
    Table {
        path: "camera.rtsp",
        header: "[[camera]]\nname = \"street\"\n[camera.rtsp]",
        about: "A network camera (H.264, H.265 or JPEG).",
        keys: &[
            key("url", "\"rtsp://192.0.2.10:554/stream1\"", "For example. Without user name and password."),
            key("username", "\"viewer\"", "For example. Only for cameras that ask for it."),
            key(
                "password",
                "{ credential = \"amslpr.street-password\" }",
                "For example. Where it is kept: { credential = \"amslpr...\" } or { file = \"/path\" }.",
            ),
            key("transport", "\"tcp\"", "\"tcp\", or \"udp\" for cameras that insist."),
        ],
    },
];
