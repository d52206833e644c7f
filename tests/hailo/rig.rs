//! The rig: a fake HailoRT of the test's own, files for it, settings that are quick.

use std::{
    ffi::CString,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use amslpr::{
    backoff,
    clock::{Clock, SystemClock},
    infer::{
        Description,
        description::Task,
        hailo::{Hailo, Network, Recovery, Settings, State},
    },
};
use fake_hailort::hef::{Kind, Numbers, Text};

pub(crate) fn house() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A copy of the fake library, so that its state is the test's own.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) folder: tempfile::TempDir,
    library: libloading::Library,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Rig {
    pub(crate) fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("libhailort.so");
        let made = fake_hailort::library();
        fs::copy(&made, &copy).unwrap_or_else(|e| panic!("{}: {e}", made.display()));
        // SAFETY: the library is ours; its initialisers do nothing.
        let library = unsafe { libloading::Library::new(&copy) }.unwrap();
        let rig = Self { folder, library, clock: Arc::new(SystemClock::start()) };
        rig.script(script);
        rig
    }

    pub(crate) fn library(&self) -> PathBuf {
        self.folder.path().join("libhailort.so")
    }

    pub(crate) fn script(&self, text: &str) {
        let text = CString::new(text).unwrap();
        // SAFETY: of this type in the fake library; the text ends with a zero.
        unsafe {
            let set =
                self.library.get::<unsafe extern "C" fn(*const std::ffi::c_char)>(b"fake_script\0").unwrap();
            set(text.as_ptr());
        }
    }

    /// `leaks`, a kind of object, or how often a function was called.
    pub(crate) fn count(&self, of: &str) -> i64 {
        let of = CString::new(of).unwrap();
        // SAFETY: of this type in the fake library; the text ends with a zero.
        unsafe {
            let count = self
                .library
                .get::<unsafe extern "C" fn(*const std::ffi::c_char) -> i64>(b"fake_count\0")
                .unwrap();
            count(of.as_ptr())
        }
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// A network of ours for a Hailo-8, whose numbers come from its ONNX form.
    pub(crate) fn shipped(&self, task: Task, numbers: Numbers) -> Network {
        let description = house().join("models").join(task.file_name());
        let text = Text { numbers, ..Text::onnx(task.as_str(), &description) };
        let file = self.file(&format!("{}.hef", task.as_str()), &text.file(0));
        let description = Description { file: file.clone(), sha256: String::new(), ..load(&description) };
        Network { description, hefs: vec![file], batch: 1 }
    }

    /// A network that gives the first 4 bytes of the picture back as the logits of 1 position, 4 classes.
    pub(crate) fn echo(&self, numbers: Numbers, batch: u16) -> Network {
        let kind = Kind::Echo { input: [16, 8, 1], output: [1, 1, 4] };
        let file = self.file("echo.hef", &Text { name: "echo".into(), kind, numbers }.file(0));
        let text = "format = 1\nname = \"echo\"\ntask = \"read\"\nfile = \"echo.hef\"\nlicence = \"ours\"\n[input]\n\
                    name = \"in\"\nwidth = 16\nheight = 8\nchannels = 1\nlayout = \"nhwc\"\nmean = [0.0]\nstd = [1.0]\n\
                    fit = \"stretch\"\n[output]\ndecoder = \"ctc\"\nnames = [\"out\"]\nalphabet = \"ABC\"\nblank = 3\n";
        Network { description: parse(&file, text), hefs: vec![file], batch }
    }

    /// A network whose boxes stand in its picture.
    pub(crate) fn boxes(&self, classes: usize, most: usize) -> Network {
        let kind = Kind::Boxes { input: [8, 16, 3], classes, most };
        let text = Text { name: "boxes".into(), kind, numbers: Numbers::Float };
        let file = self.file("boxes.hef", &text.file(0));
        let text = "format = 1\nname = \"boxes\"\ntask = \"detect\"\nfile = \"boxes.hef\"\nlicence = \"ours\"\n[input]\n\
                    name = \"in\"\nwidth = 16\nheight = 8\nchannels = 3\nlayout = \"nhwc\"\nmean = [0.0, 0.0, 0.0]\n\
                    std = [1.0, 1.0, 1.0]\nfit = \"letterbox\"\n[output]\ndecoder = \"yolo-nms\"\nnames = [\"nms\"]\n\
                    [threshold]\nscore = 0.3\n";
        Network { description: parse(&file, text), hefs: vec![file], batch: 1 }
    }

    /// Quick to retry and to return, slow to give up on a picture: the machine may be busy.
    pub(crate) fn settings(&self, networks: Vec<Network>) -> Settings {
        let quick = Duration::from_millis(5);
        Settings {
            library: Some(self.library()),
            networks,
            deadline: Duration::from_millis(500),
            return_after: Duration::ZERO,
            recovery: Recovery {
                retry: backoff::Settings { first: quick, longest: 4 * quick, jitter: 0.0 },
                rescan: Duration::from_millis(20),
            },
            ..Settings::default()
        }
    }

    pub(crate) fn start(&self, settings: Settings) -> Arc<Hailo> {
        let hailo = Hailo::start(settings, Arc::clone(&self.clock)).unwrap();
        hailo.settle(Duration::from_secs(20));
        hailo
    }

    pub(crate) fn working(&self, networks: Vec<Network>) -> Arc<Hailo> {
        let hailo = self.start(self.settings(networks));
        assert_eq!(hailo.snapshot().state, State::Working, "{:?}", hailo.snapshot().problem);
        hailo
    }
}

pub(crate) fn load(description: &Path) -> Description {
    Description::load(description).unwrap()
}

pub(crate) fn parse(file: &Path, text: &str) -> Description {
    Description::parse(&file.with_extension("toml"), text).unwrap()
}

/// Waits until it is so, ten seconds at most.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let clock = SystemClock::start();
    while !is_so() {
        assert!(clock.now().as_micros() < 10_000_000, "it never came to pass: {what}");
        clock.sleep(Duration::from_millis(1));
    }
}
