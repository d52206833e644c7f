//! Every key of the configuration: what it is for and its default, once, for people.
//!
//! From here come the shipped `config/amslpr.toml`, the check for unknown keys and their "did you mean". How a key is
//! read stands in `schema`, what it means in `meaning`; tests hold the three together: every default shown here is
//! loaded and must give the built-in one, and every key of the schema must be shown here.

mod access;
mod cameras;
mod telling;

/// A table and its keys, in the order in which they are shown.
#[derive(Debug)]
pub(super) struct Table {
    /// `camera.replay`; empty for the top of the file.
    pub path: &'static str,
    /// Lines above its first key, with the table's own header; empty for the top and for inline tables.
    pub header: &'static str,
    pub about: &'static str,
    pub keys: &'static [Key],
}

#[derive(Debug)]
pub(super) struct Key {
    pub name: &'static str,
    /// As written; the built-in default unless `about` says "For example".
    pub value: &'static str,
    pub about: &'static str,
}

const fn key(name: &'static str, value: &'static str, about: &'static str) -> Key {
    Key { name, value, about }
}

/// What stands before the cameras.
const KEEPING: &[Table] = &[
    Table {
        path: "",
        header: "",
        about: "",
        keys: &[key("format", "1", "Version of this file's form. A file of a later form is refused.")],
    },
    Table {
        path: "journal",
        header: "[journal]",
        about: "Where passages are kept: one SQLite file.",
        keys: &[
            key("path", "\"/var/lib/amslpr/journal.db\"", "The file. It is made when it is not there."),
            key(
                "retention",
                "\"forever\"",
                "How long passages are kept, such as \"30d\"; plates are personal data, so ask your law.",
            ),
            key(
                "largest",
                "\"2 GiB\"",
                "The file never grows beyond this: before it would, the oldest passages are erased with their images,\nand health says so.",
            ),
            key(
                "synchronous",
                "\"full\"",
                "\"full\": a fact is on the disk before anybody hears of it. \"normal\" waits for the disk less often and may lose\nthe last seconds' facts when the power is cut: for slow SD cards, not where gates are opened.",
            ),
            key(
                "checkpoint",
                "\"16 MiB\"",
                "The write-ahead log is folded into the file at this size. Smaller where the disk is nearly full, larger where it\nis slow and there are more than 10,000 passages a day.",
            ),
            key(
                "cache",
                "\"4 MiB\"",
                "Memory for pages of the file. More helps from about ten million passages on.",
            ),
        ],
    },
    Table {
        path: "evidence",
        header: "[evidence]",
        about: "Images of passages: the picture of the best read and the plate cut out of it, as JPEG files.",
        keys: &[
            key("enabled", "false", "Keep them. They are personal data too."),
            key("path", "\"/var/lib/amslpr/evidence\"", "The folder; one folder a day is made in it."),
            key("plate", "true", "The plate."),
            key("frame", "true", "The whole picture."),
            key("quality", "85", "Of the JPEGs, 1 to 100."),
            key("retention", "\"30d\"", "How long they are kept; never longer than their passage."),
            key("largest", "\"4 GiB\"", "The oldest go when all of them together would be larger."),
            key("keep-free", "\"512 MiB\"", "The oldest go when the disk has less free than this."),
        ],
    },
    Table {
        path: "privacy",
        header: "[privacy]",
        about: "What may be remembered of a plate: in the journal, in images, over MQTT, in the log.",
        keys: &[
            key(
                "mode",
                "\"full\"",
                "\"full\", \"listed-only\" (plates on no list are kept without text and images), or \"pseudonymous\" (a\nkeyed hash instead of the text, always the same for a plate; no images).\nWho is inside and whose pass is used is remembered by the plate itself in every mode, in tables apart from the facts:\nvehicles are let in by it. Only listed vehicles stand there.",
            ),
            key(
                "key",
                "{ credential = \"amslpr.privacy-key\" }",
                "For example. The key of pseudonyms: { credential = \"amslpr...\" } or { file = \"/path\" }.",
            ),
            key(
                "never-store",
                "[]",
                "Lists whose plates leave no trace but a count, and that a gate was opened: residents, perhaps. Who of them is\ninside and what they used of their passes is forgotten at a restart.",
            ),
        ],
    },
];

/// What stands between the cameras and the lists.
const LOOKING: &[Table] = &[
    Table {
        path: "engine",
        header: "[engine]",
        about: "What runs the networks.",
        keys: &[
            key(
                "order",
                "[\"hailo\", \"cpu\", \"tesseract\"]",
                "Engines in order of preference. The first that works is used, the next one takes over from it. \"onnxruntime\" is\nfaster than \"cpu\" and needs a library of its own; put it before \"cpu\" where that is installed.",
            ),
            key("threads", "1", "Threads inside one run of a network on the CPU."),
            key(
                "models",
                "\"/usr/share/amslpr/models\"",
                "For example. Folder of model descriptions; without it the usual places.",
            ),
        ],
    },
    Table {
        path: "engine.hailo",
        header: "[engine.hailo]",
        about: "How a Hailo-8 or Hailo-8L is used, where there is one. See models/hailo/README.md for the networks.",
        keys: &[
            key("batch-size", "8", "Plates of all cameras that are read together at most,"),
            key("detect-batch-size", "1", "and frames that are searched together."),
            key(
                "gather",
                "\"2ms\"",
                "A batch that is not full leaves when its first picture has waited this long.",
            ),
            key("async-depth", "4", "Batches of a network on their way through the chip at a time."),
            key(
                "deadline",
                "\"100ms\"",
                "A picture not done after this is done by the next engine of the order.",
            ),
            key(
                "power-mode",
                "\"performance\"",
                "\"performance\", or \"ultra-performance\": faster and hotter.",
            ),
            key(
                "scheduler-threshold",
                "1",
                "The chip switches to a network when so many pictures wait for it,",
            ),
            key("scheduler-timeout", "\"0ms\"", "or when one has waited this long."),
            key("scheduler-priority", "16", "From 0 to 31, for chips that other programs share."),
            key(
                "return-after",
                "\"10s\"",
                "After a failure the chip must work this long before it is used again.",
            ),
            key(
                "retry-after",
                "\"1s\"",
                "First wait before a failed chip is tried again; it doubles up to a minute.",
            ),
            key(
                "rescan-every",
                "\"30s\"",
                "How often an absent chip, or one that another program has, is looked for.",
            ),
            key(
                "detector",
                "\"/usr/share/amslpr/models/hailo/detector.hef\"",
                "For example. The HEF that finds plates; without it detector.hef among the models.",
            ),
            key(
                "reader",
                "\"/usr/share/amslpr/models/hailo/reader.hef\"",
                "For example. The HEF that reads plates; without it reader.hef among the models.",
            ),
            key(
                "library",
                "\"/usr/lib/libhailort.so\"",
                "For example. HailoRT; without it wherever its package has put it.",
            ),
        ],
    },
    Table {
        path: "engine.onnxruntime",
        header: "[engine.onnxruntime]",
        about: "How ONNX Runtime is used, where \"onnxruntime\" stands in the order and the library is installed.",
        keys: &[
            key(
                "library",
                "\"/usr/lib/x86_64-linux-gnu/libonnxruntime.so.1.21\"",
                "For example. Without it what AMSLPR_ONNXRUNTIME in the environment names, else the newest among the system's\nlibraries. The service may load libraries below /usr/lib only.",
            ),
            key(
                "precision",
                "\"auto\"",
                "\"auto\": networks in 8-bit integers where the models have them; \"float\" where every character counts more than\nspeed; \"int8\": as \"auto\", but they must be there.",
            ),
            key(
                "batch-size",
                "8",
                "Plates read together at most. On a processor it hardly matters; a GPU wants more.",
            ),
            key("provider", "\"cpu\"", "\"cpu\", or \"cuda\" for an NVIDIA GPU and a library built for it."),
            key("gpu", "0", "Which GPU, where there are several."),
            key("memory", "\"1 GiB\"", "Memory of the GPU at most; more for large networks of your own."),
        ],
    },
    Table {
        path: "threads",
        header: "[threads]",
        about: "How the stages share the processors, where the kernel's even hand is not what is wanted. The service has to be let:\n/usr/share/doc/amslpr/examples/threads.conf. The journal, the publisher and the gates are as the process is.",
        keys: &[
            key(
                "capture-nice",
                "0",
                "Steps (0 to 19) by which cameras and their decoders give way, on top of the niceness of the process.",
            ),
            key("capture-cpus", "\"0\"", "For example. The processors that they may use; without it, all."),
            key(
                "look-nice",
                "0",
                "The same for what looks at frames, with the networks on the CPU. 5 lets the cameras go first where there is too much\nto do: pictures are left out then, instead of coming late.",
            ),
            key("look-cpus", "\"1-3\"", "For example."),
            key(
                "serve-nice",
                "0",
                "The same for what nobody waits for: the HTTP API, webhooks, pictures to be kept. 10 where dashboards are busy.",
            ),
            key("serve-cpus", "\"0\"", "For example."),
        ],
    },
    Table {
        path: "detect",
        header: "[detect]",
        about: "Finding plates in a frame.",
        keys: &[
            key("score", "0.5", "For example. Least confidence of a plate. Without it the network's own."),
            key("min-height", "4", "Plates lower than this, in pixels, are left out."),
            key("max-plates", "32", "At most so many plates of one frame."),
        ],
    },
    Table {
        path: "read",
        header: "[read]",
        about: "Reading plates: which looks at a plate are worth reading.",
        keys: &[
            key("min-height", "10", "Plates lower than this, in pixels, are not read."),
            key(
                "edge",
                "2",
                "Nor are plates closer than this to the frame's edge, in pixels: they are cut off.",
            ),
            key("eager", "5", "The first so many looks at a plate are read as they come."),
            key(
                "better",
                "1.15",
                "After those, a look must be this many times as high as the best one so far,",
            ),
            key("again-after", "\"400ms\"", "or so long must have passed since the last read."),
            key("max-reads", "40", "At most so many reads of one plate on its way through the picture."),
            key(
                "cache",
                "\"1 MiB\"",
                "Memory for what was read already: a crop that looks the very same again is not read again. About 1,200 crops\nfit into 1 MiB. More for car parks with hundreds of cars in view; false for off.",
            ),
            key("cache-for", "\"10min\"", "A crop read longer ago than this is read anew, the same or not."),
        ],
    },
    Table {
        path: "read.tesseract",
        header: "[read.tesseract]",
        about: "What is done to a plate before Tesseract reads it. Each step is a setting, or false for off.",
        keys: &[
            key("trim", "true", "Show it the line of characters only, not the whole plate."),
            key("character-height", "30", "Characters are brought to this height in pixels,"),
            key("resize", "false", "or enlarged by this factor of what the camera saw, such as 2."),
            key("clahe", "false", "Contrast enhancement: clip limit of CLAHE, such as 2.0,"),
            key("clahe-grid", "8", "with so many tiles per side."),
            key(
                "denoise",
                "false",
                "Noise reduction that keeps edges: its strength in grey steps, such as 10.",
            ),
            key("threshold", "false", "Adaptive threshold: size of its blocks in pixels, such as 31,"),
            key("threshold-constant", "10", "and by how many grey steps ink must be darker than its block."),
        ],
    },
    Table {
        path: "track",
        header: "[track]",
        about: "Following plates from frame to frame.",
        keys: &[
            key(
                "weak",
                "0.2",
                "Detections less confident than the [detect] score, down to this, may continue a track but not begin one.",
            ),
            key(
                "reach",
                "3",
                "How far from where it is expected a plate is looked for, in sizes of the plate.",
            ),
            key("growth", "1.8", "By which factor its height may differ from the expected one."),
            key("patience", "\"1s\"", "A plate not seen for this long"),
            key("patience-frames", "3", "and in this many frames is gone."),
            key(
                "first-patience",
                "\"500ms\"",
                "A plate seen in one frame only is forgotten after this long.",
            ),
            key("max-tracks", "64", "Plates followed at a time."),
        ],
    },
    Table {
        path: "passage",
        header: "[passage]",
        about: "When a vehicle's visit is sure, and when it is over.",
        keys: &[
            key(
                "sure",
                "0.95",
                "Confidence of the vote from which on it is decided upon while the vehicle still stands there.",
            ),
            key("agreeing", "2", "Good reads that must agree before that."),
            key("good", "0.4", "A read is good from this confidence"),
            key("good-height", "12", "and this height of the plate in pixels on."),
            key(
                "firm-height",
                "18",
                "A plate never yet read at this height needs two reads more: its frames show the same few pixels.",
            ),
            key(
                "together",
                "0.99",
                "Reads that do not agree are enough from this confidence of the vote on, if there is one more; or false.",
            ),
            key(
                "alone",
                "false",
                "One good read alone is enough from this confidence on, such as 0.98. Not for gates.",
            ),
            key(
                "recheck",
                "\"1s\"",
                "A plate that is sure is read again after this time, then after twice as long, and so on up to 32 times as long: often\nenough to notice another plate in its place. Longer where cars stand for hours.",
            ),
            key(
                "settle",
                "\"1500ms\"",
                "A text not sure this long after its first read becomes a passage all the same, an unsure one.",
            ),
            key(
                "least",
                "0.5",
                "Texts less confident than this are not told; the plate counts as not readable.",
            ),
            key("min-frames", "2", "A plate seen in fewer frames is no passage."),
            key("leave-after", "\"5s\"", "A passage is over when its plate was not seen for this long,"),
            key(
                "parked-leave-after",
                "\"2min\"",
                "or for this long if it was standing: something stands before it.",
            ),
            key("unread", "false", "Tell of plates that could not be read,"),
            key("unread-frames", "8", "if they were seen in this many frames"),
            key("unread-height", "20", "at this height in pixels or more."),
        ],
    },
    Table {
        path: "plate",
        header: "[plate]",
        about: "What plates look like where the cameras stand.",
        keys: &[key(
            "regions",
            "[]",
            "Countries whose formats may repair a read, such as [\"ro\", \"de\"]. None: texts stay as they were read.",
        )],
    },
];

/// All tables, in the order in which they are shown.
pub(super) fn tables() -> impl Iterator<Item = &'static Table> + Clone {
    [KEEPING, cameras::TABLES, LOOKING, access::TABLES, telling::TABLES].into_iter().flatten()
}

/// Names that may stand in this table; empty if there is no such table.
pub(super) fn known_in(path: &str) -> Vec<&'static str> {
    let mut names: Vec<&'static str> =
        tables().filter(|t| t.path == path).flat_map(|t| t.keys).map(|k| k.name).collect();
    let deeper = tables().filter_map(|t| match path {
        "" => Some(t.path),
        _ => t.path.strip_prefix(path)?.strip_prefix('.'),
    });
    for name in deeper {
        if !name.is_empty() && !name.contains('.') && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The header of the table that has a key of this name.
pub(super) fn table_of(name: &str) -> Option<&'static str> {
    let mut tables = tables().filter(|t| !t.header.is_empty() && t.keys.iter().any(|k| k.name == name));
    match (tables.next(), tables.next()) {
        (Some(table), None) => table.header.lines().last(),
        _ => None,
    }
}

/// The shipped configuration file: every key as a comment, with its default.
pub fn defaults() -> String {
    let mut text = String::from(
        "# Configuration of AMSLPR. Every key is shown with its default, commented out with \"#\"; where there is no\n\
         # default, an example is shown and said to be one. Times and sizes carry their unit. Relative paths start at the\n\
         # folder of the file that they stand in.\n\
         #\n\
         # Files in conf.d/ beside this one are read too, in the order of their names. A table stands in one file;\n\
         # [[camera]], [[list]], [[schedule]], [[gate]] and [[webhook]] add up. `amslpr check` says everything that is wrong.\n",
    );
    let shown = tables().filter(|t| t.path.is_empty() || !t.header.is_empty());
    for table in shown {
        text.push('\n');
        for line in table.about.lines() {
            text.push_str(&format!("# {line}\n"));
        }
        for line in table.header.lines() {
            text.push_str(&format!("#{line}\n"));
        }
        for (at, key) in table.keys.iter().enumerate() {
            if at > 0 || !table.header.is_empty() {
                text.push('\n');
            }
            for line in key.about.lines() {
                text.push_str(&format!("# {line}\n"));
            }
            text.push_str(&format!("#{} = {}\n", key.name, key.value));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_a_table_are_its_own_and_the_tables_in_it() {
        assert_eq!(known_in("camera.replay"), ["path", "speed", "interval"]);
        assert!(known_in("camera").contains(&"replay") && known_in("camera").contains(&"name"));
        assert!(known_in("").contains(&"format") && known_in("").contains(&"mqtt"));
        assert!(known_in("nonsense").is_empty() && known_in("mqtt.password").is_empty());
    }

    #[test]
    fn a_key_of_another_table_is_found_if_only_one_has_it() {
        assert_eq!(table_of("regions"), Some("[plate]"));
        assert_eq!(table_of("device"), Some("[camera.v4l2]"));
        assert_eq!(table_of("path"), None);
    }

    #[test]
    fn the_shipped_file_shows_every_default() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/amslpr.toml");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, defaults()).unwrap();
        }
        let shipped = std::fs::read_to_string(path).unwrap();
        assert_eq!(shipped, defaults(), "config/amslpr.toml is made from keys.rs: UPDATE=1 cargo test keys");
    }
}
