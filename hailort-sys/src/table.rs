//! The functions of the library as a table of pointers: what an inference client needs, and what it can do without.
//!
//! Signatures as in release 4.23; no function here changed its signature between 4.20 and 5.2.

use std::ffi::{c_char, c_void};

use crate::{
    Status,
    layout::{
        ChipTemperature, Device, DeviceId, DeviceIdentity, ExtendedDeviceInformation, FormatType, Hef,
        InputVStream, NetworkGroup, NetworkGroupInfo, OutputVStream, PixelBuffer, RawConfigureParams,
        RawVersion, VDevice, VDeviceParams, VStreamInfo, VStreamParamsByName,
    },
    open::OpenError,
};

/// Called on a thread of the library with a `hailo_notification_t`; must not unwind.
pub type NotificationCallback = unsafe extern "C" fn(Device, *const c_void, *mut c_void);

macro_rules! functions {
    (
        required { $($(#[$about:meta])* fn $name:ident($($argument:ident: $type:ty),* $(,)?) -> $result:ty;)* }
        optional { $($(#[$opt_about:meta])* fn $opt_name:ident($($opt_argument:ident: $opt_type:ty),* $(,)?) -> $opt_result:ty;)* }
    ) => {
        /// The functions of an opened library. Valid as long as the [`Library`](crate::Library) they came from.
        #[derive(Debug, Clone, Copy)]
        #[non_exhaustive]
        pub struct Functions {
            $($(#[$about])* pub $name: unsafe extern "C" fn($($argument: $type),*) -> $result,)*
            $($(#[$opt_about])* pub $opt_name: Option<unsafe extern "C" fn($($opt_argument: $opt_type),*) -> $opt_result>,)*
        }

        impl Functions {
            /// Looks all functions up; names the first required one that is missing.
            pub(crate) fn look_up(library: &libloading::Library, path: &str) -> Result<Self, OpenError> {
                $(
                    // SAFETY: the type is that of hailort.h for this symbol in every release that is let in.
                    let $name = unsafe {
                        library.get::<unsafe extern "C" fn($($argument: $type),*) -> $result>(
                            concat!(stringify!($name), "\0").as_bytes(),
                        )
                    };
                    let $name = *$name.map_err(|_| OpenError::Incomplete {
                        path: path.to_owned(),
                        function: stringify!($name),
                    })?;
                )*
                $(
                    // SAFETY: as above.
                    let $opt_name = unsafe {
                        library.get::<unsafe extern "C" fn($($opt_argument: $opt_type),*) -> $opt_result>(
                            concat!(stringify!($opt_name), "\0").as_bytes(),
                        )
                    };
                    let $opt_name = $opt_name.ok().map(|function| *function);
                )*
                Ok(Self { $($name,)* $($opt_name,)* })
            }
        }

        /// Names of all functions, for those who write a library of the same form.
        pub const REQUIRED: &[&str] = &[$(stringify!($name)),*];
        pub const OPTIONAL: &[&str] = &[$(stringify!($opt_name)),*];
    };
}

functions! {
    required {
        fn hailo_get_library_version(version: *mut RawVersion) -> Status;
        /// NULL for a status that the library does not know.
        fn hailo_get_status_message(status: Status) -> *const c_char;
        /// `params` is NULL. Says 0 devices and success where there are none.
        fn hailo_scan_devices(params: *mut c_void, device_ids: *mut DeviceId, length: *mut usize) -> Status;
        fn hailo_init_vdevice_params(params: *mut VDeviceParams) -> Status;
        fn hailo_create_vdevice(params: *mut VDeviceParams, vdevice: *mut VDevice) -> Status;
        fn hailo_release_vdevice(vdevice: VDevice) -> Status;
        fn hailo_get_physical_devices(vdevice: VDevice, devices: *mut Device, count: *mut usize) -> Status;
        fn hailo_identify(device: Device, identity: *mut DeviceIdentity) -> Status;
        /// Aborts the process for some files of another family: look at the header first.
        fn hailo_create_hef_file(hef: *mut Hef, path: *const c_char) -> Status;
        fn hailo_create_hef_buffer(hef: *mut Hef, buffer: *const c_void, size: usize) -> Status;
        fn hailo_release_hef(hef: Hef) -> Status;
        /// Only fills fields: the params must be zeroed.
        fn hailo_init_configure_params_by_vdevice(hef: Hef, vdevice: VDevice, params: *mut RawConfigureParams) -> Status;
        fn hailo_configure_vdevice(
            vdevice: VDevice, hef: Hef, params: *mut RawConfigureParams, groups: *mut NetworkGroup, count: *mut usize,
        ) -> Status;
        fn hailo_make_input_vstream_params(
            group: NetworkGroup, unused: bool, format: FormatType, params: *mut VStreamParamsByName, count: *mut usize,
        ) -> Status;
        fn hailo_make_output_vstream_params(
            group: NetworkGroup, unused: bool, format: FormatType, params: *mut VStreamParamsByName, count: *mut usize,
        ) -> Status;
        fn hailo_create_input_vstreams(
            group: NetworkGroup, params: *const VStreamParamsByName, count: usize, streams: *mut InputVStream,
        ) -> Status;
        fn hailo_create_output_vstreams(
            group: NetworkGroup, params: *const VStreamParamsByName, count: usize, streams: *mut OutputVStream,
        ) -> Status;
        fn hailo_release_input_vstreams(streams: *const InputVStream, count: usize) -> Status;
        fn hailo_release_output_vstreams(streams: *const OutputVStream, count: usize) -> Status;
        fn hailo_get_input_vstream_info(stream: InputVStream, info: *mut VStreamInfo) -> Status;
        fn hailo_get_output_vstream_info(stream: OutputVStream, info: *mut VStreamInfo) -> Status;
        fn hailo_get_input_vstream_frame_size(stream: InputVStream, size: *mut usize) -> Status;
        fn hailo_get_output_vstream_frame_size(stream: OutputVStream, size: *mut usize) -> Status;
        fn hailo_vstream_write_raw_buffer(stream: InputVStream, buffer: *const c_void, size: usize) -> Status;
        fn hailo_vstream_read_raw_buffer(stream: OutputVStream, buffer: *mut c_void, size: usize) -> Status;
        /// Wakes whoever waits in a read or write.
        fn hailo_shutdown_network_group(group: NetworkGroup) -> Status;
        /// `network` may be NULL for all.
        fn hailo_set_scheduler_timeout(group: NetworkGroup, timeout_ms: u32, network: *const c_char) -> Status;
        fn hailo_set_scheduler_threshold(group: NetworkGroup, threshold: u32, network: *const c_char) -> Status;
    }
    optional {
        /// 0 to 31, 16 is normal.
        fn hailo_set_scheduler_priority(group: NetworkGroup, priority: u8, network: *const c_char) -> Status;
        fn hailo_hef_get_all_vstream_infos(
            hef: Hef, name: *const c_char, infos: *mut VStreamInfo, count: *mut usize,
        ) -> Status;
        fn hailo_get_network_groups_infos(hef: Hef, infos: *mut NetworkGroupInfo, count: *mut usize) -> Status;
        fn hailo_vstream_set_nms_score_threshold(stream: OutputVStream, threshold: f32) -> Status;
        fn hailo_vstream_set_nms_iou_threshold(stream: OutputVStream, threshold: f32) -> Status;
        fn hailo_vstream_set_nms_max_proposals_per_class(stream: OutputVStream, max: u32) -> Status;
        fn hailo_flush_input_vstream(stream: InputVStream) -> Status;
        fn hailo_clear_input_vstreams(streams: *const InputVStream, count: usize) -> Status;
        fn hailo_clear_output_vstreams(streams: *const OutputVStream, count: usize) -> Status;
        fn hailo_vstream_write_pix_buffer(stream: InputVStream, buffer: *const PixelBuffer) -> Status;
        fn hailo_get_chip_temperature(device: Device, temperature: *mut ChipTemperature) -> Status;
        /// Boards without the sensor refuse.
        fn hailo_power_measurement(device: Device, rail: i32, quantity: i32, measured: *mut f32) -> Status;
        fn hailo_get_extended_device_information(
            device: Device, information: *mut ExtendedDeviceInformation,
        ) -> Status;
        fn hailo_get_throttling_state(device: Device, is_active: *mut bool) -> Status;
        fn hailo_set_notification_callback(
            device: Device, callback: NotificationCallback, notification: i32, opaque: *mut c_void,
        ) -> Status;
        fn hailo_remove_notification_callback(device: Device, notification: i32) -> Status;
    }
}
