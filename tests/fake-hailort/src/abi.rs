//! The exported functions, with the signatures of hailort.h.

use std::{
    ffi::{CStr, c_char, c_void},
    sync::Arc,
    time::Duration,
};

use hailort_sys::layout::{
    ChipTemperature, DeviceId, DeviceIdentity, NmsShape, QuantInfo, RawVersion, VDeviceParams, VStreamInfo,
    VStreamParamsByName, format_order, format_type, stream_direction,
};

use crate::{
    chip::{Chip, Lane},
    hef::{Numbers, Text},
    network::{Carries, Network, U16_SCALE, U16_ZERO},
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

fn group(handle: *mut c_void) -> Option<(Arc<Chip>, usize)> {
    match world::get(handle)? {
        Object::Group(chip, lane) => Some((chip, lane)),
        _ => None,
    }
}

fn put_name(to: &mut [c_char], name: &str) {
    for (to, from) in to.iter_mut().zip(name.bytes().chain([0])) {
        *to = from as c_char;
    }
}

fn stream_params(name: &str, wanted: i32) -> VStreamParamsByName {
    // SAFETY: all its fields are numbers.
    let mut params: VStreamParamsByName = unsafe { std::mem::zeroed() };
    put_name(&mut params.name, name);
    params.params.user_buffer_format.format_type = wanted;
    params.params.timeout_ms = 10_000;
    params.params.queue_size = 2;
    params
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_make_input_vstream_params(
    handle: *mut c_void,
    _: bool,
    wanted: i32,
    params: *mut VStreamParamsByName,
    count: *mut usize,
) -> i32 {
    called!("make_input_vstream_params");
    let Some((chip, lane)) = group(handle) else { return INVALID_ARGUMENT };
    let name = chip.with_lane(lane, |lane| format!("{}/input_layer1", lane.network.name)).unwrap_or_default();
    // SAFETY: room for at least one.
    unsafe {
        params.write(stream_params(&name, wanted));
        count.write(1);
    }
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_make_output_vstream_params(
    handle: *mut c_void,
    _: bool,
    wanted: i32,
    params: *mut VStreamParamsByName,
    count: *mut usize,
) -> i32 {
    called!("make_output_vstream_params");
    let Some((chip, lane)) = group(handle) else { return INVALID_ARGUMENT };
    let names = chip.with_lane(lane, |lane| {
        lane.network.outputs.iter().map(|(name, _)| name.clone()).collect::<Vec<String>>()
    });
    let names = names.unwrap_or_default();
    // SAFETY: `params` has room for `count` entries.
    unsafe {
        if *count < names.len() {
            return INVALID_ARGUMENT;
        }
        for (i, name) in names.iter().enumerate() {
            params.add(i).write(stream_params(name, wanted));
        }
        count.write(names.len());
    }
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_create_input_vstreams(
    handle: *mut c_void,
    params: *const VStreamParamsByName,
    count: usize,
    streams: *mut *mut c_void,
) -> i32 {
    called!("create_input_vstreams");
    let Some((chip, lane)) = group(handle).filter(|_| count == 1) else { return INVALID_ARGUMENT };
    // SAFETY: one entry, room for one handle.
    unsafe {
        let params = (*params).params;
        chip.with_lane(lane, |lane| {
            lane.queue = params.queue_size as usize;
            lane.timeout = Duration::from_millis(u64::from(params.timeout_ms));
        });
        streams.write(world::add(Object::Input(chip, lane)));
    }
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_create_output_vstreams(
    handle: *mut c_void,
    params: *const VStreamParamsByName,
    count: usize,
    streams: *mut *mut c_void,
) -> i32 {
    called!("create_output_vstreams");
    let Some((chip, lane)) = group(handle) else { return INVALID_ARGUMENT };
    // SAFETY: `count` entries, room for as many handles.
    unsafe {
        let floats = (*params).params.user_buffer_format.format_type == format_type::FLOAT32;
        chip.with_lane(lane, |lane| lane.floats = floats);
        for output in 0..count {
            streams.add(output).write(world::add(Object::Output(Arc::clone(&chip), lane, output)));
        }
    }
    SUCCESS
}

unsafe fn release_streams(streams: *const *mut c_void, count: usize) -> i32 {
    let mut status = SUCCESS;
    for i in 0..count {
        // SAFETY: `count` handles.
        if world::remove(unsafe { *streams.add(i) }).is_none() {
            status = INVALID_ARGUMENT;
        }
    }
    status
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_release_input_vstreams(streams: *const *mut c_void, count: usize) -> i32 {
    called!("release_input_vstreams");
    // SAFETY: the caller's promise.
    unsafe { release_streams(streams, count) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_release_output_vstreams(streams: *const *mut c_void, count: usize) -> i32 {
    called!("release_output_vstreams");
    // SAFETY: the caller's promise.
    unsafe { release_streams(streams, count) }
}

fn stream(handle: *mut c_void) -> Option<(Arc<Chip>, usize, Option<usize>)> {
    match world::get(handle)? {
        Object::Input(chip, lane) => Some((chip, lane, None)),
        Object::Output(chip, lane, output) => Some((chip, lane, Some(output))),
        _ => None,
    }
}

unsafe fn stream_info(handle: *mut c_void, info: *mut VStreamInfo) -> i32 {
    let Some((chip, lane, output)) = stream(handle) else { return INVALID_ARGUMENT };
    let [major, minor, _] = world::script(|script| script.version);
    // SAFETY: all its fields are numbers.
    let mut told: VStreamInfo = unsafe { std::mem::zeroed() };
    chip.with_lane(lane, |lane| {
        put_name(&mut told.network_name, &lane.network.name);
        told.direction = stream_direction::HOST_TO_DEVICE;
        let Some((name, carries)) = output.and_then(|output| lane.network.outputs.get(output)) else {
            return;
        };
        put_name(&mut told.name, name);
        told.direction = stream_direction::DEVICE_TO_HOST;
        told.quant_info = QuantInfo { zero_point: 0.0, scale: 1.0, limit_low: 0.0, limit_high: 0.0 };
        match *carries {
            Carries::Map([height, width, features]) => {
                told.format.order = format_order::NHWC;
                told.shape.image = hailort_sys::layout::ImageShape {
                    height: height as u32,
                    width: width as u32,
                    features: features as u32,
                };
                match lane.network.numbers {
                    Numbers::U16 => {
                        told.quant_info.scale = U16_SCALE;
                        told.quant_info.zero_point = U16_ZERO;
                    }
                    Numbers::PerFeature => {
                        told.quant_info.scale = -1.0;
                        told.quant_info.zero_point = -1.0;
                    }
                    Numbers::Float | Numbers::U8 => {}
                }
            }
            Carries::Boxes { classes, most } => {
                told.format.order = format_order::NMS_BY_CLASS;
                let total = (major, minor) >= (4, 21);
                told.shape.nms = NmsShape::laid_out(
                    classes as u32,
                    most as u32,
                    if total { [(classes * most) as u32, 0] } else { [0, 1] },
                );
            }
        }
    });
    // SAFETY: the caller's promise.
    unsafe { info.write(told) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_get_input_vstream_info(handle: *mut c_void, info: *mut VStreamInfo) -> i32 {
    called!("get_input_vstream_info");
    // SAFETY: the caller's promise.
    unsafe { stream_info(handle, info) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_get_output_vstream_info(handle: *mut c_void, info: *mut VStreamInfo) -> i32 {
    called!("get_output_vstream_info");
    // SAFETY: the caller's promise.
    unsafe { stream_info(handle, info) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_get_input_vstream_frame_size(handle: *mut c_void, size: *mut usize) -> i32 {
    called!("get_input_vstream_frame_size");
    let Some((chip, lane, None)) = stream(handle) else { return INVALID_ARGUMENT };
    // SAFETY: the caller's promise.
    unsafe { size.write(chip.with_lane(lane, |lane| lane.network.input).unwrap_or(0)) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_get_output_vstream_frame_size(handle: *mut c_void, size: *mut usize) -> i32 {
    let garbage = match world::called("get_output_vstream_frame_size") {
        Some(What::Status(status) | What::Dead(status)) => return status,
        Some(What::Garbage) => 3,
        _ => 0,
    };
    let Some((chip, lane, Some(output))) = stream(handle) else { return INVALID_ARGUMENT };
    let told = chip.with_lane(lane, |lane| lane.network.frame_size(output, lane.floats)).unwrap_or(0);
    // SAFETY: the caller's promise.
    unsafe { size.write(told + garbage) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_vstream_write_raw_buffer(
    handle: *mut c_void,
    buffer: *const c_void,
    size: usize,
) -> i32 {
    let Some((chip, lane, None)) = stream(handle) else { return INVALID_ARGUMENT };
    match world::called("vstream_write_raw_buffer") {
        Some(What::Status(status)) => return status,
        Some(What::Dead(status)) => chip.die(status),
        Some(What::Hang) => return chip.hang(lane),
        Some(What::Abort) => std::process::abort(),
        Some(What::Slow(time)) => std::thread::sleep(time),
        Some(What::Garbage) | None => {}
    }
    if chip.with_lane(lane, |lane| lane.network.input) != Some(size) {
        return INVALID_ARGUMENT;
    }
    // SAFETY: `size` bytes, the caller's promise.
    let picture = unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), size) };
    chip.write(lane, picture).err().unwrap_or(SUCCESS)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn hailo_vstream_read_raw_buffer(
    handle: *mut c_void,
    buffer: *mut c_void,
    size: usize,
) -> i32 {
    let Some((chip, lane, Some(output))) = stream(handle) else { return INVALID_ARGUMENT };
    let what = world::called("vstream_read_raw_buffer");
    match what {
        Some(What::Status(status)) => return status,
        Some(What::Dead(status)) => chip.die(status),
        Some(What::Hang) => return chip.hang(lane),
        Some(What::Abort) => std::process::abort(),
        Some(What::Slow(time)) => std::thread::sleep(time),
        Some(What::Garbage) | None => {}
    }
    match chip.read(lane, output) {
        Ok(mut bytes) if bytes.len() == size => {
            if what == Some(What::Garbage) {
                // A count of boxes that cannot be, and numbers that are none.
                bytes.fill(0xff);
            }
            // SAFETY: `size` bytes, the caller's promise.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), buffer.cast::<u8>(), size) };
            SUCCESS
        }
        Ok(_) => INVALID_ARGUMENT,
        Err(status) => status,
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
