//! HailoRT's objects with owners: each is released once, streams before their device.
//!
//! The only file of the program that calls the library. Nothing here decides anything: what a status means for the
//! rest is `recovery`'s business. Every object holds the device it belongs to, so that the device is released when
//! the last of them is gone, however long a call of the library hangs.

use std::{
    ffi::{CStr, CString, c_char},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use hailort_sys::{
    Functions, Library, OpenError, Remedy, Status,
    layout::{
        self, ChipTemperature, ConfigureParams, DeviceId, DeviceIdentity, ExtendedDeviceInformation,
        QuantInfo, VDeviceParams, VStreamInfo, VStreamParamsByName, format_order, format_type,
        scheduling_algorithm,
    },
};

/// Devices that are looked for at most.
const MOST_DEVICES: usize = 16;
/// Groups and streams of one network at most.
const MOST_GROUPS: usize = 8;
const MOST_STREAMS: usize = 40;

/// A call of the library that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub call: &'static str,
    pub status: Status,
}

impl Fault {
    pub const fn remedy(self) -> Remedy {
        self.status.remedy()
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.call, self.status)
    }
}

fn checked(call: &'static str, status: Status) -> Result<(), Fault> {
    if status.is_success() { Ok(()) } else { Err(Fault { call, status }) }
}

/// Opens the library, each path once: it is never closed, because its threads may outlive the last object.
pub fn open_library(path: Option<&Path>) -> Result<&'static Library, OpenError> {
    static OPEN: Mutex<Vec<(Option<PathBuf>, &'static Library)>> = Mutex::new(Vec::new());
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, library)) = open.iter().find(|(of, _)| of.as_deref() == path) {
        return Ok(library);
    }
    let library: &'static Library = Box::leak(Box::new(Library::open(path)?));
    open.push((path.map(Path::to_path_buf), library));
    Ok(library)
}

/// How many devices the driver shows.
pub fn scan(library: &Library) -> Result<usize, Fault> {
    let mut ids = [DeviceId { id: [0; 32] }; MOST_DEVICES];
    let mut count = ids.len();
    // SAFETY: `ids` has room for `count` entries; NULL parameters are what the function asks for.
    let status = unsafe {
        (library.functions.hailo_scan_devices)(std::ptr::null_mut(), ids.as_mut_ptr(), &raw mut count)
    };
    checked("hailo_scan_devices", status)?;
    Ok(count)
}

/// The chip, for this process alone.
#[derive(Debug)]
pub struct Device {
    library: &'static Library,
    vdevice: layout::VDevice,
    chip: layout::Device,
    /// One of `layout::device_architecture`.
    pub architecture: i32,
    pub firmware: String,
    pub product: String,
    pub serial: String,
}

// SAFETY: HailoRT's handles belong to no thread; its functions lock what they share.
unsafe impl Send for Device {}
// SAFETY: as above; the methods that take `&self` only pass the handle on.
unsafe impl Sync for Device {}

impl Device {
    /// Takes the chip: one virtual device over one physical one, scheduled round robin.
    pub fn create(library: &'static Library) -> Result<Self, Fault> {
        let f = &library.functions;
        let mut params = VDeviceParams {
            device_count: 0,
            device_ids: std::ptr::null_mut(),
            scheduling_algorithm: 0,
            group_id: std::ptr::null(),
            multi_process_service: false,
        };
        // SAFETY: the struct is of the layout that the function fills.
        checked("hailo_init_vdevice_params", unsafe { (f.hailo_init_vdevice_params)(&raw mut params) })?;
        params.device_count = 1;
        params.scheduling_algorithm = scheduling_algorithm::ROUND_ROBIN;
        params.multi_process_service = false;
        let mut vdevice = layout::VDevice::NULL;
        // SAFETY: both point to live structs; the handle is written on success only.
        checked("hailo_create_vdevice", unsafe {
            (f.hailo_create_vdevice)(&raw mut params, &raw mut vdevice)
        })?;
        let mut device = Self {
            library,
            vdevice,
            chip: layout::Device::NULL,
            architecture: -1,
            firmware: String::new(),
            product: String::new(),
            serial: String::new(),
        };
        device.identify()?;
        Ok(device)
    }

    fn identify(&mut self) -> Result<(), Fault> {
        let f = self.functions();
        let mut chips = [layout::Device::NULL; MOST_DEVICES];
        let mut count = chips.len();
        // SAFETY: `chips` has room for `count` handles, which live as long as the virtual device.
        checked("hailo_get_physical_devices", unsafe {
            (f.hailo_get_physical_devices)(self.vdevice, chips.as_mut_ptr(), &raw mut count)
        })?;
        self.chip = chips[0];
        let mut identity = std::mem::MaybeUninit::<DeviceIdentity>::zeroed();
        // SAFETY: the struct is of the layout that the function fills.
        checked("hailo_identify", unsafe { (f.hailo_identify)(self.chip, identity.as_mut_ptr()) })?;
        // SAFETY: it was zeroed, which is valid for all its fields, and filled by the library; booleans are written
        // by it as 0 or 1.
        let identity = unsafe { identity.assume_init() };
        self.architecture = identity.device_architecture;
        let version = identity.firmware_version;
        self.firmware = format!("{}.{}.{}", version.major, version.minor, version.revision);
        self.product = text(&identity.product_name, usize::from(identity.product_name_length));
        self.serial = text(&identity.serial_number, usize::from(identity.serial_number_length));
        Ok(())
    }

    pub fn library(&self) -> &'static Library {
        self.library
    }

    fn functions(&self) -> &'static Functions {
        &self.library.functions
    }

    /// The warmer of its two sensors, in degrees Celsius; `None` where it does not say.
    pub fn temperature(&self) -> Option<f32> {
        let ask = self.functions().hailo_get_chip_temperature?;
        let mut told = ChipTemperature::default();
        // SAFETY: the chip lives as long as `self`, the struct is of the layout that the function fills.
        let status = unsafe { ask(self.chip, &raw mut told) };
        let warmer = told.sensor_0.max(told.sensor_1);
        (status.is_success() && warmer.is_finite()).then_some(warmer)
    }

    /// Whether it runs slower because it is hot.
    pub fn is_throttling(&self) -> Option<bool> {
        let ask = self.functions().hailo_get_throttling_state?;
        let mut active = false;
        // SAFETY: the chip lives as long as `self`; the library writes 0 or 1.
        let status = unsafe { ask(self.chip, &raw mut active) };
        status.is_success().then_some(active)
    }

    /// In watts, where the board can measure it.
    pub fn power(&self) -> Option<f32> {
        let ask = self.functions().hailo_power_measurement?;
        let mut watts = 0.0;
        // SAFETY: the chip lives as long as `self`; the library chooses rail and quantity itself.
        let status = unsafe { ask(self.chip, layout::MEASURE_AUTO, layout::MEASURE_AUTO, &raw mut watts) };
        (status.is_success() && watts.is_finite()).then_some(watts)
    }

    /// Clock of its cores in MHz.
    pub fn clock_mhz(&self) -> Option<u32> {
        let ask = self.functions().hailo_get_extended_device_information?;
        let mut told = ExtendedDeviceInformation::ZERO;
        // SAFETY: the chip lives as long as `self`; the struct has room for what any release writes.
        let status = unsafe { ask(self.chip, &raw mut told) };
        let mhz = told.neural_network_core_clock_rate / 1_000_000;
        (status.is_success() && mhz > 0).then_some(mhz)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: made by `create`, released once, after everything that was made from it: each holds an `Arc` of it.
        let status = unsafe { (self.functions().hailo_release_vdevice)(self.vdevice) };
        if let Err(fault) = checked("hailo_release_vdevice", status) {
            tracing::warn!(%fault, "the Hailo could not be released");
        }
    }
}

/// A file that the library has taken in.
#[derive(Debug)]
pub struct Hef {
    library: &'static Library,
    raw: layout::Hef,
}

impl Hef {
    /// To be called for files that were vetted only: see `hef`.
    pub fn open(library: &'static Library, path: &Path) -> Result<Self, Fault> {
        const CALL: &str = "hailo_create_hef_file";
        let unusable = Fault { call: CALL, status: Status(13) };
        let name = CString::new(path.as_os_str().as_encoded_bytes()).map_err(|_| unusable)?;
        let mut raw = layout::Hef::NULL;
        // SAFETY: the name ends with a zero; the handle is written on success only.
        checked(CALL, unsafe { (library.functions.hailo_create_hef_file)(&raw mut raw, name.as_ptr()) })?;
        Ok(Self { library, raw })
    }
}

impl Drop for Hef {
    fn drop(&mut self) {
        // SAFETY: made by `open`, released once.
        let status = unsafe { (self.library.functions.hailo_release_hef)(self.raw) };
        if let Err(fault) = checked("hailo_release_hef", status) {
            tracing::warn!(%fault, "a HEF could not be released");
        }
    }
}

/// How a network is put onto the chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placing {
    /// 0 leaves it to the library.
    pub batch: u16,
    /// One of `layout::power_mode`.
    pub power_mode: i32,
    pub scheduler_threshold: u32,
    pub scheduler_timeout_ms: u32,
    /// 0 to 31; 16 is normal.
    pub scheduler_priority: u8,
    /// Frames that a stream's own queue holds.
    pub queue: u32,
    /// Of one read or write.
    pub timeout_ms: u32,
}

/// A network on the chip. Lives, in the library, until the device is released.
#[derive(Debug)]
pub struct Group {
    device: Arc<Device>,
    raw: layout::NetworkGroup,
    placing: Placing,
}

// SAFETY: as for `Device`.
unsafe impl Send for Group {}
// SAFETY: as for `Device`.
unsafe impl Sync for Group {}

impl Group {
    pub fn configure(device: &Arc<Device>, hef: &Hef, placing: Placing) -> Result<Self, Fault> {
        let f = device.functions();
        let mut params = ConfigureParams::zeroed();
        // SAFETY: handles are live; the blob is larger than what any release writes.
        checked("hailo_init_configure_params_by_vdevice", unsafe {
            (f.hailo_init_configure_params_by_vdevice)(hef.raw, device.vdevice, params.as_mut_ptr())
        })?;
        params.set_batch_size(placing.batch);
        params.set_power_mode(placing.power_mode);
        let mut groups = [layout::NetworkGroup::NULL; MOST_GROUPS];
        let mut count = groups.len();
        // SAFETY: as above; `groups` has room for `count` handles.
        checked("hailo_configure_vdevice", unsafe {
            (f.hailo_configure_vdevice)(
                device.vdevice,
                hef.raw,
                params.as_mut_ptr(),
                groups.as_mut_ptr(),
                &raw mut count,
            )
        })?;
        let group = Self { device: Arc::clone(device), raw: groups[0], placing };
        group.schedule()?;
        Ok(group)
    }

    fn schedule(&self) -> Result<(), Fault> {
        let (f, every) = (self.device.functions(), std::ptr::null());
        let p = self.placing;
        // SAFETY: the group lives as long as its device; NULL names all its networks.
        checked("hailo_set_scheduler_timeout", unsafe {
            (f.hailo_set_scheduler_timeout)(self.raw, p.scheduler_timeout_ms, every)
        })?;
        // SAFETY: as above.
        checked("hailo_set_scheduler_threshold", unsafe {
            (f.hailo_set_scheduler_threshold)(self.raw, p.scheduler_threshold, every)
        })?;
        if let Some(set) = f.hailo_set_scheduler_priority {
            // SAFETY: as above.
            let status = unsafe { set(self.raw, p.scheduler_priority, every) };
            checked("hailo_set_scheduler_priority", status)?;
        }
        Ok(())
    }

    /// Wakes whoever waits in a read or a write of its streams.
    pub fn shut_down(&self) {
        // SAFETY: the group lives as long as its device.
        let status = unsafe { (self.device.functions().hailo_shutdown_network_group)(self.raw) };
        if let Err(fault) = checked("hailo_shutdown_network_group", status) {
            tracing::debug!(%fault, "a network did not shut down cleanly");
        }
    }

    /// Its one input stream, for bytes as they come from a picture.
    pub fn input(&self) -> Result<Input, StreamError> {
        let f = self.device.functions();
        let mut params = named_params();
        let mut count = params.len();
        // SAFETY: `params` has room for `count` entries.
        checked("hailo_make_input_vstream_params", unsafe {
            (f.hailo_make_input_vstream_params)(
                self.raw,
                false,
                format_type::UINT8,
                params.as_mut_ptr(),
                &raw mut count,
            )
        })?;
        if count != 1 {
            return Err(StreamError::Shape(format!("has {count} inputs; networks here take one picture")));
        }
        self.tune(&mut params[..count]);
        let mut raw = layout::InputVStream::NULL;
        // SAFETY: one entry of parameters, room for one handle.
        checked("hailo_create_input_vstreams", unsafe {
            (f.hailo_create_input_vstreams)(self.raw, params.as_ptr(), count, &raw mut raw)
        })?;
        let mut input = Input { device: Arc::clone(&self.device), raw, frame_size: 0 };
        // SAFETY: the stream is live, the number is written.
        checked("hailo_get_input_vstream_frame_size", unsafe {
            (f.hailo_get_input_vstream_frame_size)(raw, &raw mut input.frame_size)
        })?;
        Ok(input)
    }

    /// Its output streams, in the library's order. `floats` makes the library convert to 32-bit floats; else each
    /// comes as it leaves the chip.
    pub fn outputs(&self, floats: bool) -> Result<Vec<Output>, StreamError> {
        let f = self.device.functions();
        let mut params = named_params();
        let mut count = params.len();
        let wanted = if floats { format_type::FLOAT32 } else { format_type::AUTO };
        // SAFETY: `params` has room for `count` entries.
        checked("hailo_make_output_vstream_params", unsafe {
            (f.hailo_make_output_vstream_params)(self.raw, false, wanted, params.as_mut_ptr(), &raw mut count)
        })?;
        let Some(made) = params.get_mut(..count).filter(|made| !made.is_empty()) else {
            return Err(StreamError::Shape(format!("has {count} outputs")));
        };
        self.tune(made);
        let mut raw = vec![layout::OutputVStream::NULL; count];
        // SAFETY: `count` entries of parameters, room for as many handles.
        checked("hailo_create_output_vstreams", unsafe {
            (f.hailo_create_output_vstreams)(self.raw, made.as_ptr(), count, raw.as_mut_ptr())
        })?;
        // Owned first, looked at afterwards: all are released if one of them is strange.
        let mut outputs: Vec<Output> = raw
            .into_iter()
            .map(|raw| Output { device: Arc::clone(&self.device), raw, info: StreamInfo::default() })
            .collect();
        for output in &mut outputs {
            output.info = output.ask()?;
        }
        Ok(outputs)
    }

    fn tune(&self, params: &mut [VStreamParamsByName]) {
        for one in params {
            one.params.timeout_ms = self.placing.timeout_ms;
            one.params.queue_size = self.placing.queue;
        }
    }
}

/// Why a network's streams cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamError {
    Fault(Fault),
    Shape(String),
}

impl From<Fault> for StreamError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

fn named_params() -> Vec<VStreamParamsByName> {
    let empty = VStreamParamsByName { name: [0; 128], params: layout::VStreamParams::default() };
    vec![empty; MOST_STREAMS]
}

/// Takes pictures. Released when dropped.
#[derive(Debug)]
pub struct Input {
    device: Arc<Device>,
    raw: layout::InputVStream,
    /// Bytes of one picture.
    pub frame_size: usize,
}

// SAFETY: as for `Device`; one thread at a time writes.
unsafe impl Send for Input {}

impl Input {
    /// Gives one picture of exactly `frame_size` bytes to the chip; waits while its queue is full.
    pub fn write(&mut self, picture: &[u8]) -> Result<(), Fault> {
        // SAFETY: the buffer is live and only read, until the call returns.
        let status = unsafe {
            (self.device.functions().hailo_vstream_write_raw_buffer)(
                self.raw,
                picture.as_ptr().cast(),
                picture.len(),
            )
        };
        checked("hailo_vstream_write_raw_buffer", status)
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        // SAFETY: made by `Group::input`, released once.
        let status =
            unsafe { (self.device.functions().hailo_release_input_vstreams)(&raw const self.raw, 1) };
        if let Err(fault) = checked("hailo_release_input_vstreams", status) {
            tracing::warn!(%fault, "an input stream could not be released");
        }
    }
}

/// What a stream carries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Carried {
    /// Rows of pixels of features.
    Map { height: usize, width: usize, features: usize },
    /// Boxes after suppression, class by class.
    ByClass { classes: usize, most: usize },
    /// Boxes after suppression, likeliest first.
    ByScore { most: usize },
    /// Something that no network here has.
    Other { order: i32 },
}

/// An output as the library describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamInfo {
    pub name: String,
    pub carried: Carried,
    /// A number is `scale * (raw - zero_point)`.
    pub scale: f32,
    pub zero_point: f32,
    /// Bytes of one result as it is read.
    pub frame_size: usize,
}

impl Default for StreamInfo {
    fn default() -> Self {
        Self {
            name: String::new(),
            carried: Carried::Other { order: 0 },
            scale: 1.0,
            zero_point: 0.0,
            frame_size: 0,
        }
    }
}

/// Gives results. Released when dropped.
#[derive(Debug)]
pub struct Output {
    device: Arc<Device>,
    raw: layout::OutputVStream,
    pub info: StreamInfo,
}

// SAFETY: as for `Device`; one thread at a time reads.
unsafe impl Send for Output {}

impl Output {
    /// Takes the next result, of exactly `info.frame_size` bytes; waits for it.
    pub fn read(&mut self, result: &mut [u8]) -> Result<(), Fault> {
        // SAFETY: the buffer is live and only written, within its length, until the call returns.
        let status = unsafe {
            (self.device.functions().hailo_vstream_read_raw_buffer)(
                self.raw,
                result.as_mut_ptr().cast(),
                result.len(),
            )
        };
        checked("hailo_vstream_read_raw_buffer", status)
    }

    fn ask(&self) -> Result<StreamInfo, Fault> {
        let f = self.device.functions();
        let mut frame_size = 0;
        // SAFETY: the stream is live, the number is written.
        checked("hailo_get_output_vstream_frame_size", unsafe {
            (f.hailo_get_output_vstream_frame_size)(self.raw, &raw mut frame_size)
        })?;
        let mut info = std::mem::MaybeUninit::<VStreamInfo>::zeroed();
        // SAFETY: the stream is live, the struct is of the layout that the function fills.
        checked("hailo_get_output_vstream_info", unsafe {
            (f.hailo_get_output_vstream_info)(self.raw, info.as_mut_ptr())
        })?;
        // SAFETY: zeroed, which is valid for all its fields, then filled.
        let info = unsafe { info.assume_init() };
        let carried = match info.format.order {
            order @ (format_order::NMS_BY_CLASS | format_order::NMS_ON_CHIP | format_order::NMS_BY_SCORE) => {
                // SAFETY: the order says that the union holds the shape of boxes, and any bytes are numbers.
                let nms = unsafe { info.shape.nms };
                if order == format_order::NMS_BY_SCORE {
                    Carried::ByScore { most: nms.max_boxes_total(self.device.library.version) as usize }
                } else {
                    Carried::ByClass { classes: nms.number_of_classes as usize, most: nms.max_boxes as usize }
                }
            }
            format_order::AUTO
            | format_order::NHWC
            | format_order::FCR
            | format_order::NHW
            | format_order::NC => {
                // SAFETY: the order says that the union holds the shape of a map, and any bytes are numbers.
                let image = unsafe { info.shape.image };
                Carried::Map {
                    height: image.height as usize,
                    width: image.width as usize,
                    features: image.features as usize,
                }
            }
            order => Carried::Other { order },
        };
        let QuantInfo { zero_point, scale, .. } = info.quant_info;
        Ok(StreamInfo { name: text(&info.name, info.name.len()), carried, scale, zero_point, frame_size })
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // SAFETY: made by `Group::outputs`, released once.
        let status =
            unsafe { (self.device.functions().hailo_release_output_vstreams)(&raw const self.raw, 1) };
        if let Err(fault) = checked("hailo_release_output_vstreams", status) {
            tracing::warn!(%fault, "an output stream could not be released");
        }
    }
}

/// A text of at most `length` bytes that may or may not end with a zero.
fn text(bytes: &[c_char], length: usize) -> String {
    let bytes: Vec<u8> =
        bytes.iter().take(length).map(|b| b.to_ne_bytes()[0]).take_while(|b| *b != 0).collect();
    String::from_utf8_lossy(&bytes).chars().filter(|c| !c.is_control()).collect()
}

/// The library's own words for a status, where it has any.
pub fn words(library: &Library, status: Status) -> Option<String> {
    // SAFETY: the function takes any number and gives NULL or a text that is never freed.
    let text = unsafe { (library.functions.hailo_get_status_message)(status) };
    if text.is_null() {
        return None;
    }
    // SAFETY: not NULL, so a text of the library that ends with a zero.
    Some(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}
