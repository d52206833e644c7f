//! The objects that are alive, the script, and what leaked.

use std::{
    collections::HashMap,
    ffi::c_void,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    chip::Chip,
    network::Network,
    script::{Script, What},
};

/// Whatever a handle stands for.
#[derive(Debug, Clone)]
pub(crate) enum Object {
    VDevice(Arc<Chip>),
    Hef(Arc<Network>),
    Group(Arc<Chip>, usize),
    Input(Arc<Chip>, usize),
    Output(Arc<Chip>, usize, usize),
}

impl Object {
    const fn kind(&self) -> &'static str {
        match self {
            Self::VDevice(_) => "vdevices",
            Self::Hef(_) => "hefs",
            Self::Group(..) => "groups",
            Self::Input(..) => "inputs",
            Self::Output(..) => "outputs",
        }
    }
}

#[derive(Debug)]
struct World {
    script: Script,
    objects: HashMap<usize, Object>,
    next: usize,
    /// Per network, the number of the chip that its file was compiled for.
    architectures: HashMap<String, u8>,
    /// Devices that were released while something of theirs was alive, and handles that were released twice.
    misused: u64,
}

static WORLD: LazyLock<Mutex<World>> = LazyLock::new(|| {
    let script = std::env::var("FAKE_HAILORT").unwrap_or_default();
    Mutex::new(World {
        script: Script::parse(&script),
        objects: HashMap::new(),
        next: 0x1000,
        architectures: HashMap::new(),
        misused: 0,
    })
});

fn world() -> MutexGuard<'static, World> {
    WORLD.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn set_script(text: &str) {
    world().script = Script::parse(text);
}

pub(crate) fn script<T>(look: impl FnOnce(&Script) -> T) -> T {
    look(&world().script)
}

/// Counts a call and says what goes wrong with it.
pub(crate) fn called(call: &str) -> Option<What> {
    world().script.called(call)
}

pub(crate) fn latency(network: &str, jobs: usize) -> Duration {
    let times = world().script.latency.get(network).copied();
    times.map_or(Duration::ZERO, |(fixed, each)| fixed + each * jobs as u32)
}

pub(crate) fn add(object: Object) -> *mut c_void {
    let mut world = world();
    world.next += 16;
    let handle = world.next;
    world.objects.insert(handle, object);
    handle as *mut c_void
}

pub(crate) fn get(handle: *mut c_void) -> Option<Object> {
    world().objects.get(&(handle as usize)).cloned()
}

pub(crate) fn remove(handle: *mut c_void) -> Option<Object> {
    let mut world = world();
    let object = world.objects.remove(&(handle as usize));
    if object.is_none() {
        world.misused += 1;
    }
    object
}

/// Networks of a device go with it; streams must have gone before.
pub(crate) fn remove_groups(chip: &Arc<Chip>) {
    let mut world = world();
    world.objects.retain(|_, object| !matches!(object, Object::Group(of, _) if Arc::ptr_eq(of, chip)));
    let orphaned = world.objects.values().filter(|object| match object {
        Object::Input(of, _) | Object::Output(of, _, _) => Arc::ptr_eq(of, chip),
        _ => false,
    });
    world.misused += orphaned.count() as u64;
}

pub(crate) fn note_architecture(network: &str, architecture: u8) {
    world().architectures.insert(network.to_owned(), architecture);
}

pub(crate) fn architecture_of(network: &str) -> u8 {
    world().architectures.get(network).copied().unwrap_or(0)
}

pub(crate) fn has_vdevice() -> bool {
    world().objects.values().any(|object| matches!(object, Object::VDevice(_)))
}

/// `leaks`: everything alive and everything misused; a kind of object: how many are alive; else calls of a function.
pub(crate) fn count(of: &str) -> i64 {
    let world = world();
    let count = match of {
        "leaks" => world.objects.len() as u64 + world.misused,
        "vdevices" | "hefs" | "groups" | "inputs" | "outputs" => {
            world.objects.values().filter(|object| object.kind() == of).count() as u64
        }
        call => world.script.calls(call),
    };
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// At the end of the process, into the file that FAKE_HAILORT_REPORT names.
extern "C" fn report() {
    if let Some(file) = std::env::var_os("FAKE_HAILORT_REPORT") {
        let text = format!("leaks={} runs={}\n", count("leaks"), count("run"));
        // Nobody is left to be told.
        let _ = std::fs::write(file, text);
    }
}

#[used]
#[unsafe(link_section = ".fini_array")]
static AT_THE_END: extern "C" fn() = report;
