//! Structs as `hailort.h` lays them out, for every release from 4.20 to 5.2, on x86-64 and arm64 alike.
//!
//! Every size and offset that a program relies on is asserted at compile time. Where releases differ, the type says
//! so and an accessor takes the release's version: [`NmsShape`], and [`ConfigureParams`], which the library fills and
//! of which two fields are touched.

use std::{
    ffi::{c_char, c_void},
    mem::{align_of, offset_of, size_of},
};

use crate::Version;

/// C enums, by name of the C type.
pub type FormatType = i32;
pub type FormatOrder = i32;

pub mod format_type {
    pub const AUTO: i32 = 0;
    pub const UINT8: i32 = 1;
    pub const UINT16: i32 = 2;
    pub const FLOAT32: i32 = 3;
}

pub mod format_order {
    pub const AUTO: i32 = 0;
    pub const NHWC: i32 = 1;
    pub const NHCW: i32 = 2;
    pub const FCR: i32 = 3;
    pub const NHW: i32 = 5;
    pub const NC: i32 = 6;
    pub const RGB888: i32 = 10;
    pub const NCHW: i32 = 11;
    pub const YUY2: i32 = 12;
    pub const NV12: i32 = 13;
    pub const NV21: i32 = 14;
    pub const RGB4: i32 = 17;
    pub const I420: i32 = 18;
    pub const NMS_WITH_BYTE_MASK: i32 = 20;
    pub const NMS_ON_CHIP: i32 = 21;
    /// Per class a float count, then that many packed boxes.
    pub const NMS_BY_CLASS: i32 = 22;
    /// A `u16` count, then that many packed [`super::Detection`]s.
    pub const NMS_BY_SCORE: i32 = 23;
}

pub mod scheduling_algorithm {
    pub const NONE: i32 = 0;
    pub const ROUND_ROBIN: i32 = 1;
}

pub mod power_mode {
    pub const PERFORMANCE: i32 = 0;
    pub const ULTRA_PERFORMANCE: i32 = 1;
}

pub mod stream_direction {
    pub const HOST_TO_DEVICE: i32 = 0;
    pub const DEVICE_TO_HOST: i32 = 1;
}

pub mod memory_type {
    pub const USER_POINTER: i32 = 0;
    pub const DMA_BUFFER: i32 = 1;
}

pub mod device_architecture {
    pub const HAILO8_A0: i32 = 0;
    pub const HAILO8: i32 = 1;
    pub const HAILO8L: i32 = 2;
    pub const HAILO15H: i32 = 3;
    pub const HAILO15L: i32 = 4;
    pub const HAILO15M: i32 = 5;
    /// Cannot infer through the C API.
    pub const HAILO10H: i32 = 6;
}

/// Ask the library to choose the measured rail and quantity itself.
pub const MEASURE_AUTO: i32 = i32::MAX;

/// An object of the library. Never looked into.
macro_rules! handle {
    ($($(#[$about:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(transparent)]
        pub struct $name(pub *mut c_void);

        impl $name {
            pub const NULL: Self = Self(std::ptr::null_mut());
        }
    )+};
}

handle!(
    /// `hailo_vdevice`
    VDevice,
    /// `hailo_device`
    Device,
    /// `hailo_hef`
    Hef,
    /// `hailo_configured_network_group`; lives until its vdevice is released
    NetworkGroup,
    /// `hailo_input_vstream`
    InputVStream,
    /// `hailo_output_vstream`
    OutputVStream,
);

/// `hailo_version_t`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct RawVersion {
    pub major: u32,
    pub minor: u32,
    pub revision: u32,
}

/// `hailo_device_id_t`: a C string.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct DeviceId {
    pub id: [c_char; 32],
}

/// `hailo_vdevice_params_t`
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct VDeviceParams {
    pub device_count: u32,
    pub device_ids: *mut DeviceId,
    pub scheduling_algorithm: i32,
    pub group_id: *const c_char,
    pub multi_process_service: bool,
}

/// `hailo_configure_params_t`, only ever seen by the library.
#[derive(Debug)]
#[repr(C)]
pub struct RawConfigureParams([u8; 0]);

/// Room for a `hailo_configure_params_t`: 84488 bytes up to 5.0, 64008 since 5.1, so it is larger than either, zeroed,
/// and filled by the library. The two fields that are touched here, both of the first network group, lie at the same
/// place in all releases.
#[derive(Debug)]
pub struct ConfigureParams(Box<[u64]>);

impl ConfigureParams {
    const BYTES: usize = 128 * 1024;
    /// The eight bytes with the batch size (first two) and the power mode (last four).
    const GROUP_WORD: usize = 136 / 8;

    pub fn zeroed() -> Self {
        Self(vec![0; Self::BYTES / 8].into_boxed_slice())
    }

    /// For the library; valid as long as `self`.
    pub fn as_mut_ptr(&mut self) -> *mut RawConfigureParams {
        self.0.as_mut_ptr().cast()
    }

    /// Frames per batch of the first network group; 0 leaves it to the library.
    pub fn set_batch_size(&mut self, frames: u16) {
        self.in_group(0, &frames.to_ne_bytes());
    }

    /// One of [`power_mode`], of the first network group.
    pub fn set_power_mode(&mut self, mode: i32) {
        self.in_group(4, &mode.to_ne_bytes());
    }

    fn in_group(&mut self, at: usize, value: &[u8]) {
        let mut word = self.0[Self::GROUP_WORD].to_ne_bytes();
        word[at..at + value.len()].copy_from_slice(value);
        self.0[Self::GROUP_WORD] = u64::from_ne_bytes(word);
    }
}

/// `hailo_format_t`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Format {
    pub format_type: FormatType,
    pub order: FormatOrder,
    pub flags: u32,
}

/// `hailo_vstream_params_t`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct VStreamParams {
    pub user_buffer_format: Format,
    pub timeout_ms: u32,
    pub queue_size: u32,
    pub vstream_stats_flags: i32,
    pub pipeline_elements_stats_flags: i32,
}

/// `hailo_input_vstream_params_by_name_t` and `hailo_output_vstream_params_by_name_t`, which are alike.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct VStreamParamsByName {
    pub name: [c_char; 128],
    pub params: VStreamParams,
}

/// `hailo_3d_image_shape_t`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct ImageShape {
    pub height: u32,
    pub width: u32,
    pub features: u32,
}

/// `hailo_nms_shape_t`, whose last fields 4.21 put into another order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct NmsShape {
    pub number_of_classes: u32,
    /// Per class, or in all if the order is by score.
    pub max_boxes: u32,
    rest: [u32; 2],
}

impl NmsShape {
    /// For those who write a library of the same form: `rest` is what stands behind in the release.
    pub const fn laid_out(number_of_classes: u32, max_boxes: u32, rest: [u32; 2]) -> Self {
        Self { number_of_classes, max_boxes, rest }
    }

    /// Boxes at most for the order by score.
    pub fn max_boxes_total(&self, version: Version) -> u32 {
        if version.lays_out_nms_as_4_20() { self.max_boxes } else { self.rest[0] }
    }
}

/// `hailo_quant_info_t`
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C)]
pub struct QuantInfo {
    pub zero_point: f32,
    pub scale: f32,
    pub limit_low: f32,
    pub limit_high: f32,
}

/// The union in the middle of `hailo_vstream_info_t`: which one it is, the format's order says.
#[derive(Clone, Copy)]
#[repr(C)]
pub union Shape {
    pub image: ImageShape,
    pub nms: NmsShape,
}

impl std::fmt::Debug for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shape")
    }
}

/// `hailo_vstream_info_t`
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct VStreamInfo {
    pub name: [c_char; 128],
    pub network_name: [c_char; 257],
    pub direction: i32,
    pub format: Format,
    pub shape: Shape,
    pub quant_info: QuantInfo,
}

/// `hailo_device_identity_t`
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct DeviceIdentity {
    pub protocol_version: u32,
    pub firmware_version: RawVersion,
    pub logger_version: u32,
    pub board_name_length: u8,
    pub board_name: [c_char; 32],
    pub is_release: bool,
    pub extended_context_switch_buffer: bool,
    /// Since 5.0.1 a flag, padding before.
    pub extended_firmware_check: u8,
    pub device_architecture: i32,
    pub serial_number_length: u8,
    pub serial_number: [c_char; 16],
    pub part_number_length: u8,
    pub part_number: [c_char; 16],
    pub product_name_length: u8,
    pub product_name: [c_char; 42],
}

/// `hailo_extended_device_information_t`, 92 or 96 bytes, with room to spare.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct ExtendedDeviceInformation {
    pub neural_network_core_clock_rate: u32,
    rest: [u32; 31],
}

impl ExtendedDeviceInformation {
    pub const ZERO: Self = Self { neural_network_core_clock_rate: 0, rest: [0; 31] };
}

/// `hailo_chip_temperature_info_t`: two sensors, in degrees Celsius.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C)]
pub struct ChipTemperature {
    pub sensor_0: f32,
    pub sensor_1: f32,
    pub sample_count: u16,
}

/// `hailo_bbox_float32_t`, packed: fractions of the picture. Read it with `read_unaligned`.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, packed)]
pub struct BoundingBox {
    pub y_min: f32,
    pub x_min: f32,
    pub y_max: f32,
    pub x_max: f32,
    pub score: f32,
}

/// `hailo_detection_t`, packed.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, packed)]
pub struct Detection {
    pub y_min: f32,
    pub x_min: f32,
    pub y_max: f32,
    pub x_max: f32,
    pub score: f32,
    pub class_id: u16,
}

/// `hailo_pix_buffer_plane_t`, whose union is a pointer or a file descriptor.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct PixelPlane {
    pub bytes_used: u32,
    pub plane_size: u32,
    pub user_pointer: *mut c_void,
}

/// `hailo_pix_buffer_t`
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct PixelBuffer {
    pub index: u32,
    pub planes: [PixelPlane; 4],
    pub number_of_planes: u32,
    pub memory_type: i32,
}

/// `hailo_network_group_info_t`
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct NetworkGroupInfo {
    pub name: [c_char; 128],
    pub is_multi_context: bool,
}

/// Asserts a size, an alignment and offsets, each next to its C name.
macro_rules! laid_out {
    ($($type:ty: $size:literal align $align:literal { $($field:ident @ $offset:literal),* })+) => {
        const _: () = {$(
            assert!(size_of::<$type>() == $size);
            assert!(align_of::<$type>() == $align);
            $(assert!(offset_of!($type, $field) == $offset);)*
        )+};
    };
}

// What the C compiler says, measured per release. 4.20 to 5.2 agree on all of these.
#[cfg(target_pointer_width = "64")]
laid_out! {
    RawVersion: 12 align 4 { major @ 0, minor @ 4, revision @ 8 }
    DeviceId: 32 align 1 { id @ 0 }
    VDeviceParams: 40 align 8 {
        device_count @ 0, device_ids @ 8, scheduling_algorithm @ 16, group_id @ 24, multi_process_service @ 32
    }
    Format: 12 align 4 { format_type @ 0, order @ 4, flags @ 8 }
    VStreamParams: 28 align 4 {
        user_buffer_format @ 0, timeout_ms @ 12, queue_size @ 16, vstream_stats_flags @ 20,
        pipeline_elements_stats_flags @ 24
    }
    VStreamParamsByName: 156 align 4 { name @ 0, params @ 128 }
    ImageShape: 12 align 4 { height @ 0, width @ 4, features @ 8 }
    NmsShape: 16 align 4 { number_of_classes @ 0, max_boxes @ 4, rest @ 8 }
    QuantInfo: 16 align 4 { zero_point @ 0, scale @ 4, limit_low @ 8, limit_high @ 12 }
    VStreamInfo: 436 align 4 {
        name @ 0, network_name @ 128, direction @ 388, format @ 392, shape @ 404, quant_info @ 420
    }
    DeviceIdentity: 140 align 4 {
        protocol_version @ 0, firmware_version @ 4, logger_version @ 16, board_name_length @ 20, board_name @ 21,
        is_release @ 53, extended_context_switch_buffer @ 54, extended_firmware_check @ 55,
        device_architecture @ 56, serial_number_length @ 60, serial_number @ 61, part_number_length @ 77,
        part_number @ 78, product_name_length @ 94, product_name @ 95
    }
    ChipTemperature: 12 align 4 { sensor_0 @ 0, sensor_1 @ 4, sample_count @ 8 }
    BoundingBox: 20 align 1 { y_min @ 0, x_min @ 4, y_max @ 8, x_max @ 12, score @ 16 }
    Detection: 22 align 1 { y_min @ 0, score @ 16, class_id @ 20 }
    PixelPlane: 16 align 8 { bytes_used @ 0, plane_size @ 4, user_pointer @ 8 }
    PixelBuffer: 80 align 8 { index @ 0, planes @ 8, number_of_planes @ 72, memory_type @ 76 }
    NetworkGroupInfo: 129 align 1 { name @ 0, is_multi_context @ 128 }
}

// Room for the largest that any release writes.
const _: () = {
    assert!(ConfigureParams::BYTES >= 84_488 && ConfigureParams::BYTES.is_multiple_of(8));
    assert!(size_of::<ExtendedDeviceInformation>() >= 96);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_and_power_mode_go_where_the_library_looks_for_them() {
        let mut params = ConfigureParams::zeroed();
        params.set_batch_size(0x0102);
        params.set_power_mode(power_mode::ULTRA_PERFORMANCE);
        let bytes: Vec<u8> = params.0.iter().flat_map(|word| word.to_ne_bytes()).collect();
        assert_eq!(bytes[136..138], 0x0102_u16.to_ne_bytes());
        assert_eq!(bytes[140..144], 1_i32.to_ne_bytes());
        assert_eq!(bytes.iter().filter(|b| **b != 0).count(), 3);
    }

    #[test]
    fn the_total_of_boxes_moved_in_4_21() {
        let shape = NmsShape { number_of_classes: 1, max_boxes: 100, rest: [7, 8] };
        let version = |major, minor| Version { major, minor, revision: 0 };
        assert_eq!(shape.max_boxes_total(version(4, 20)), 100);
        assert_eq!(shape.max_boxes_total(version(4, 21)), 7);
        assert_eq!(shape.max_boxes_total(version(5, 2)), 7);
    }
}
