//! The exported functions of the streams: their parameters, their life, what they say of themselves, their data.

use std::{ffi::c_void, sync::Arc, time::Duration};

use hailort_sys::layout::{
    ImageShape, NmsShape, QuantInfo, VStreamInfo, VStreamParamsByName, format_order, format_type,
    stream_direction,
};

use super::{INVALID_ARGUMENT, SUCCESS, group, put_name};
use crate::{
    chip::Chip,
    hef::Numbers,
    network::{Carries, U16_SCALE, U16_ZERO},
    script::What,
    world::{self, Object},
};

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
                told.shape.image =
                    ImageShape { height: height as u32, width: width as u32, features: features as u32 };
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
