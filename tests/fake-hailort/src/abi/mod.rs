//! The exported functions, with the signatures of hailort.h: library, device, files, networks, sensors. Those of the
//! streams stand in `streams`.

/// Counts the call; leaves the function with a status if the script wants it to fail.
macro_rules! called {
    ($call:literal) => {
        match world::called($call) {
            Some(What::Status(status) | What::Dead(status)) => return status,
            Some(What::Abort) => std::process::abort(),
            Some(What::Slow(time)) => std::thread::sleep(time),
            Some(What::Hang | What::Garbage) | None => {}
        }
    };
}

mod streams;

use std::{
    ffi::{CStr, c_char, c_void},
    sync::Arc,
    time::Duration,
};

use hailort_sys::layout::{ChipTemperature, DeviceId, DeviceIdentity, RawVersion, VDeviceParams};

use crate::{
    chip::{Chip, Lane},
    hef::Text,
    network::Network,
    script::What,
    world::{self, Object},
};

const SUCCESS: i32 = 0;
const INVALID_ARGUMENT: i32 = 2;
const INVALID_OPERATION: i32 = 6;
const NOT_IMPLEMENTED: i32 = 7;
const FILE_OPERATION: i32 = 13;
const NO_DEVICE: i32 = 74;
const WRONG_CHIP_OLD: i32 = 26;
const WRONG_CHIP: i32 = 93;

/// The one physical device.
const CHIP: usize = 0xd0;

/// For tests in the same process: a new script.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fake_script(text: *const c_char) {
    // SAFETY: the caller's promise: a text that ends with a zero.
    world::set_script(&unsafe { CStr::from_ptr(text) }.to_string_lossy());
}

/// For tests in the same process: see `world::count`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fake_count(of: *const c_char) -> i64 {
    // SAFETY: as above.
    world::count(&unsafe { CStr::from_ptr(of) }.to_string_lossy())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_get_library_version(version: *mut RawVersion) -> i32 {
    called!("get_library_version");
    if version.is_null() {
        return INVALID_ARGUMENT;
    }
    let [major, minor, revision] = world::script(|script| script.version);
    // SAFETY: not NULL; the caller's promise for the rest.
    unsafe { version.write(RawVersion { major, minor, revision }) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub extern "C" fn hailo_get_status_message(status: i32) -> *const c_char {
    let text: &CStr = match status {
        0 => c"HAILO_SUCCESS",
        4 => c"HAILO_TIMEOUT",
        63 => c"HAILO_STREAM_ABORT",
        74 => c"HAILO_OUT_OF_PHYSICAL_DEVICES",
        76 => c"HAILO_INVALID_DRIVER_VERSION",
        1..=97 => c"HAILO_SOMETHING",
        _ => return std::ptr::null(),
    };
    text.as_ptr()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_scan_devices(_: *mut c_void, ids: *mut DeviceId, length: *mut usize) -> i32 {
    called!("scan_devices");
    if ids.is_null() || length.is_null() {
        return INVALID_ARGUMENT;
    }
    let found = world::script(|script| script.devices);
    // SAFETY: not NULL; `ids` has room for `length` entries.
    unsafe {
        let room = *length;
        for i in 0..found.min(room) {
            let mut id = DeviceId { id: [0; 32] };
            for (to, from) in id.id.iter_mut().zip(b"0000:01:00.0") {
                *to = *from as c_char;
            }
            ids.add(i).write(id);
        }
        *length = found.min(room);
    }
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_init_vdevice_params(params: *mut VDeviceParams) -> i32 {
    called!("init_vdevice_params");
    if params.is_null() {
        return INVALID_ARGUMENT;
    }
    let default = VDeviceParams {
        device_count: 1,
        device_ids: std::ptr::null_mut(),
        scheduling_algorithm: 1,
        group_id: c"UNIQUE".as_ptr(),
        multi_process_service: false,
    };
    // SAFETY: not NULL.
    unsafe { params.write(default) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_create_vdevice(params: *mut VDeviceParams, vdevice: *mut *mut c_void) -> i32 {
    called!("create_vdevice");
    if vdevice.is_null() {
        return INVALID_ARGUMENT;
    }
    // SAFETY: NULL means defaults; else it was initialised by the function above.
    if let Some(params) = unsafe { params.as_ref() } {
        if params.multi_process_service {
            return INVALID_OPERATION;
        }
        if params.device_count != 1 || params.scheduling_algorithm != 1 {
            return INVALID_ARGUMENT;
        }
    }
    if world::script(|script| script.devices) == 0 || world::has_vdevice() {
        return NO_DEVICE;
    }
    // SAFETY: not NULL.
    unsafe { vdevice.write(world::add(Object::VDevice(Chip::start()))) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub extern "C" fn hailo_release_vdevice(vdevice: *mut c_void) -> i32 {
    called!("release_vdevice");
    match world::remove(vdevice) {
        Some(Object::VDevice(chip)) => {
            chip.stop();
            world::remove_groups(&chip);
            SUCCESS
        }
        _ => INVALID_ARGUMENT,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_get_physical_devices(
    vdevice: *mut c_void,
    devices: *mut *mut c_void,
    count: *mut usize,
) -> i32 {
    called!("get_physical_devices");
    let Some(Object::VDevice(_)) = world::get(vdevice) else { return INVALID_ARGUMENT };
    if devices.is_null() || count.is_null() {
        return INVALID_ARGUMENT;
    }
    // SAFETY: not NULL, room for at least one.
    unsafe {
        devices.write(CHIP as *mut c_void);
        count.write(1);
    }
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_identify(device: *mut c_void, identity: *mut DeviceIdentity) -> i32 {
    called!("identify");
    if device as usize != CHIP || identity.is_null() {
        return INVALID_ARGUMENT;
    }
    let ([major, minor, revision], architecture) =
        world::script(|script| (script.version, script.architecture));
    // SAFETY: all its fields are numbers.
    let mut told: DeviceIdentity = unsafe { std::mem::zeroed() };
    told.firmware_version = RawVersion { major, minor, revision };
    told.device_architecture = architecture;
    told.is_release = true;
    // On an 8L the board calls itself an 8.
    let name = b"Hailo-8";
    (told.board_name_length, told.product_name_length) = (name.len() as u8, name.len() as u8);
    put_name(&mut told.board_name, "Hailo-8");
    put_name(&mut told.product_name, "Hailo-8");
    told.serial_number_length = 4;
    put_name(&mut told.serial_number, "FAKE");
    // SAFETY: not NULL.
    unsafe { identity.write(told) };
    SUCCESS
}

fn create_hef(bytes: &[u8], hef: *mut *mut c_void) -> i32 {
    let (architecture, text) = match Text::of_file(bytes) {
        // A file of another family ends the process, as the real library can.
        Ok((5 | 103, _)) => std::process::abort(),
        Ok(read) => read,
        Err(status) => return status,
    };
    let Some(network) = Network::load(&text) else { return INVALID_OPERATION };
    world::note_architecture(&network.name, architecture);
    // SAFETY: the caller looked for NULL.
    unsafe { hef.write(world::add(Object::Hef(Arc::new(network)))) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_create_hef_file(hef: *mut *mut c_void, name: *const c_char) -> i32 {
    called!("create_hef_file");
    if hef.is_null() || name.is_null() {
        return INVALID_ARGUMENT;
    }
    // SAFETY: not NULL, ends with a zero.
    let name = unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned();
    match std::fs::read(name) {
        Ok(bytes) => create_hef(&bytes, hef),
        Err(_) => FILE_OPERATION,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_create_hef_buffer(
    hef: *mut *mut c_void,
    buffer: *const c_void,
    size: usize,
) -> i32 {
    called!("create_hef_buffer");
    if hef.is_null() || buffer.is_null() {
        return INVALID_ARGUMENT;
    }
    // SAFETY: not NULL, `size` bytes.
    create_hef(unsafe { std::slice::from_raw_parts(buffer.cast(), size) }, hef)
}

#[unsafe(no_mangle)]
pub extern "C" fn hailo_release_hef(hef: *mut c_void) -> i32 {
    called!("release_hef");
    match world::remove(hef) {
        Some(Object::Hef(_)) => SUCCESS,
        _ => INVALID_ARGUMENT,
    }
}

/// Size of the parameters in the simulated release.
fn params_size() -> usize {
    let [major, minor, _] = world::script(|script| script.version);
    if (major, minor) >= (5, 1) { 64_008 } else { 84_488 }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_init_configure_params_by_vdevice(
    hef: *mut c_void,
    vdevice: *mut c_void,
    params: *mut u8,
) -> i32 {
    called!("init_configure_params_by_vdevice");
    let (Some(Object::Hef(_)), Some(Object::VDevice(_))) = (world::get(hef), world::get(vdevice)) else {
        return INVALID_ARGUMENT;
    };
    if world::script(|script| script.architecture) == 6 {
        return NOT_IMPLEMENTED;
    }
    let last = params_size() - 1;
    // SAFETY: the program has room for the parameters of this release; only fields are filled, as the real one does.
    unsafe {
        params.cast::<usize>().write(1);
        params.add(8).write(b'n');
        params.add(last).write(0xee);
    }
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_configure_vdevice(
    vdevice: *mut c_void,
    hef: *mut c_void,
    params: *mut u8,
    groups: *mut *mut c_void,
    count: *mut usize,
) -> i32 {
    called!("configure_vdevice");
    let (Some(Object::VDevice(chip)), Some(Object::Hef(network))) = (world::get(vdevice), world::get(hef))
    else {
        return INVALID_ARGUMENT;
    };
    let (architecture, [major, minor, _]) = world::script(|script| (script.architecture, script.version));
    if architecture == 6 {
        return NOT_IMPLEMENTED;
    }
    // A file for the 8 does not run on the 8L; that it is not checked before is what the real library does.
    if architecture == 2 && world::architecture_of(&network.name) < 3 {
        return if (major, minor) >= (4, 21) { WRONG_CHIP } else { WRONG_CHIP_OLD };
    }
    let batch = if params.is_null() {
        0
    } else {
        // SAFETY: filled by the function above, whose last byte shows that it is of this release.
        let (size, batch, power, end) = unsafe {
            (
                params.cast::<usize>().read(),
                params.add(136).cast::<u16>().read(),
                params.add(140).cast::<i32>().read(),
                params.add(params_size() - 1).read(),
            )
        };
        if size != 1 || end != 0xee || !(0..=1).contains(&power) || batch > 63 {
            return INVALID_ARGUMENT;
        }
        batch
    };
    let lane = chip.add(Lane::new(network, usize::from(batch)));
    // SAFETY: room for at least one.
    unsafe {
        groups.write(world::add(Object::Group(chip, lane)));
        count.write(1);
    }
    SUCCESS
}

pub(super) fn group(handle: *mut c_void) -> Option<(Arc<Chip>, usize)> {
    match world::get(handle)? {
        Object::Group(chip, lane) => Some((chip, lane)),
        _ => None,
    }
}

pub(super) fn put_name(to: &mut [c_char], name: &str) {
    for (to, from) in to.iter_mut().zip(name.bytes().chain([0])) {
        *to = from as c_char;
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn hailo_shutdown_network_group(handle: *mut c_void) -> i32 {
    called!("shutdown_network_group");
    let Some((chip, lane)) = group(handle) else { return INVALID_ARGUMENT };
    chip.shut(lane);
    SUCCESS
}

#[unsafe(no_mangle)]
pub extern "C" fn hailo_set_scheduler_timeout(handle: *mut c_void, timeout_ms: u32, _: *const c_char) -> i32 {
    called!("set_scheduler_timeout");
    let Some((chip, lane)) = group(handle) else { return INVALID_ARGUMENT };
    chip.with_lane(lane, |lane| lane.wait = Duration::from_millis(u64::from(timeout_ms)));
    SUCCESS
}

#[unsafe(no_mangle)]
pub extern "C" fn hailo_set_scheduler_threshold(
    handle: *mut c_void,
    threshold: u32,
    _: *const c_char,
) -> i32 {
    called!("set_scheduler_threshold");
    let Some((chip, lane)) = group(handle) else { return INVALID_ARGUMENT };
    chip.with_lane(lane, |lane| {
        if threshold as usize > lane.batch {
            return INVALID_ARGUMENT;
        }
        lane.threshold = threshold.max(1) as usize;
        SUCCESS
    })
    .unwrap_or(INVALID_ARGUMENT)
}

#[unsafe(no_mangle)]
pub extern "C" fn hailo_set_scheduler_priority(handle: *mut c_void, priority: u8, _: *const c_char) -> i32 {
    called!("set_scheduler_priority");
    if group(handle).is_some() && priority <= 31 { SUCCESS } else { INVALID_ARGUMENT }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_get_chip_temperature(_: *mut c_void, told: *mut ChipTemperature) -> i32 {
    called!("get_chip_temperature");
    let warm = world::script(|script| script.temperature);
    // SAFETY: the caller's promise.
    unsafe { told.write(ChipTemperature { sensor_0: warm - 1.0, sensor_1: warm, sample_count: 1 }) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_get_throttling_state(_: *mut c_void, active: *mut bool) -> i32 {
    called!("get_throttling_state");
    // SAFETY: the caller's promise.
    unsafe { active.write(world::script(|script| script.throttling)) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_get_extended_device_information(_: *mut c_void, told: *mut u32) -> i32 {
    called!("get_extended_device_information");
    // SAFETY: the program has room for at least 96 bytes.
    unsafe { told.write(400_000_000) };
    SUCCESS
}

/// A HAT has no sensor for power.
#[unsafe(no_mangle)]
pub extern "C" fn hailo_power_measurement(_: *mut c_void, _: i32, _: i32, _: *mut f32) -> i32 {
    called!("power_measurement");
    INVALID_OPERATION
}
