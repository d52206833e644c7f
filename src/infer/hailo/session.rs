//! One life of the device: both networks on the chip, their streams, the threads that move pictures and results.
//!
//! Made whole or not at all, taken down in the order that the library wants: streams, networks, device. When and why is
//! `watch`'s business.

use std::{
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use hailort_sys::{Library, Remedy, layout::device_architecture};

use super::{
    Network, PowerMode, Settings,
    desk::{self, Desk, NoResult},
    device::{self, Device, Group, Hef, Input, Output, Placing},
    hef::{self, Fitness, HefError},
    output::{self, Form},
    problem::Problem,
    telemetry::{Chip, Telemetry},
};
use crate::{
    clock::{Clock, Moment},
    infer::{Description, Tensor, description::OutputLayout},
};

/// Results without sense in a row that are borne.
const MOST_GARBLED: u32 = 3;
/// How long threads get to come back out of the library.
const LAST_CALL: Duration = Duration::from_secs(3);
/// Limit of the first picture, which may have to wait for weights to be loaded.
const FIRST_PICTURE: Duration = Duration::from_secs(5);

/// Rings once, with the reason; whoever rings closes the desks, so that nobody waits in vain.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    problem: Mutex<Option<Problem>>,
    rung: Condvar,
    desks: Mutex<Vec<Arc<Desk>>>,
}

impl Alarm {
    fn ring(&self, problem: Problem) {
        // First the reason, so that whoever is woken by a closed desk finds it.
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(problem);
        self.desks.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|desk| desk.close());
        self.rung.notify_all();
    }

    /// Waits this long for it to ring.
    pub(super) fn wait(&self, time: Duration) -> Option<Problem> {
        let problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        let mut problem = self
            .rung
            .wait_timeout_while(problem, time, |problem| problem.is_none())
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        problem.take()
    }
}

/// A network that runs: where jobs are handed in, and how its results are read.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) desk: Arc<Desk>,
    forms: Vec<Form>,
    /// For each stream, which output of the description it is.
    outputs: Vec<Option<usize>>,
    layout: OutputLayout,
    alarm: Arc<Alarm>,
    garbled: AtomicU32,
}

/// Why a result cannot be used.
#[derive(Debug)]
pub(super) enum RunError {
    NoResult(NoResult),
    Garbled(String),
}

impl From<NoResult> for RunError {
    fn from(why: NoResult) -> Self {
        Self::NoResult(why)
    }
}

impl Line {
    /// Waits for a job's result and writes it into `tensors`.
    pub(super) fn collect(
        &self,
        ticket: desk::Ticket,
        description: &Description,
        tensors: &mut Vec<Tensor>,
    ) -> Result<(), RunError> {
        tensors.resize_with(description.outputs.len(), Tensor::default);
        let outcome = ticket.wait(|stream, bytes| {
            let (Some(form), Some(Some(output))) = (self.forms.get(stream), self.outputs.get(stream)) else {
                return Ok(());
            };
            let Some(tensor) = tensors.get_mut(*output) else { return Ok(()) };
            if let Some(name) = description.outputs.get(*output)
                && tensor.name != *name
            {
                tensor.name.clone_from(name);
            }
            form.decode(bytes, self.layout, tensor).map_err(RunError::Garbled)
        });
        match &outcome {
            Ok(()) => self.garbled.store(0, Ordering::Relaxed),
            Err(RunError::Garbled(_)) => {
                let in_a_row = self.garbled.fetch_add(1, Ordering::Relaxed) + 1;
                if in_a_row >= MOST_GARBLED {
                    self.alarm.ring(Problem::Garbled(in_a_row));
                }
            }
            Err(RunError::NoResult(_)) => {}
        }
        outcome
    }

    /// Runs one black picture and checks what comes back.
    pub(super) fn try_out(&self, network: &Network, until: Moment) -> Result<(), Problem> {
        let mismatch = |mismatch| Problem::Mismatch { file: network.description.file.clone(), mismatch };
        let input = &network.description.input;
        let black = vec![0; network.description.input.byte_count()];
        let mut tensors = Vec::new();
        let outcome = self
            .desk
            .submit(0, &black, until)
            .map_err(RunError::NoResult)
            .and_then(|ticket| self.collect(ticket, &network.description, &mut tensors));
        match outcome {
            Ok(()) => network.description.check_outputs(&tensors).map_err(|e| mismatch(e.to_string())),
            Err(RunError::Garbled(what)) => Err(mismatch(format!("{what} (input {})", input.size))),
            Err(RunError::NoResult(_)) => {
                Err(self.alarm.wait(Duration::ZERO).unwrap_or(Problem::Silent(FIRST_PICTURE)))
            }
        }
    }
}

/// Everything that lives as long as the device does.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) lines: Vec<Arc<Line>>,
    pub(super) alarm: Arc<Alarm>,
    pub(super) device: Arc<Device>,
    groups: Vec<Arc<Group>>,
    threads: Vec<JoinHandle<()>>,
    clock: Arc<dyn Clock>,
    /// Released after everything else.
    _hefs: Vec<Hef>,
}

/// A HEF that may reach the library, and how well it goes with the chip.
pub(super) fn choose(network: &Network, architecture: i32) -> Result<(PathBuf, Fitness), Problem> {
    let mut best: Option<(PathBuf, Fitness)> = None;
    let mut refused = None;
    for file in &network.hefs {
        let verdict = network.vet(file).and_then(|container| hef::vet_for(&container, architecture));
        match verdict {
            Ok(fitness) if best.as_ref().is_none_or(|(_, other)| fitness > *other) => {
                best = Some((file.clone(), fitness));
            }
            Ok(_) => {}
            Err(error) => {
                refused.get_or_insert(Problem::Hef { file: file.clone(), error });
            }
        }
    }
    let missing = || Problem::Hef {
        file: network.description.file.clone(),
        error: HefError::Unreadable("there is no such file".to_owned()),
    };
    best.ok_or_else(|| refused.unwrap_or_else(missing))
}

impl Session {
    /// Takes the device and puts every network onto it. `smaller`: batches of one.
    pub(super) fn open(
        library: &'static Library,
        settings: &Settings,
        smaller: bool,
        clock: &Arc<dyn Clock>,
        telemetry: &Arc<Telemetry>,
    ) -> Result<Self, Problem> {
        if device::scan(library)? == 0 {
            return Err(Problem::Nobody);
        }
        let device = Arc::new(Device::create(library)?);
        let (chip, _) = hef::chip_name(device.architecture);
        telemetry.opened(Chip {
            name: chip,
            firmware: device.firmware.clone(),
            library: library.version.to_string(),
            serial: device.serial.clone(),
        });
        let does_not_infer = [device_architecture::HAILO10H, device_architecture::HAILO15H];
        if does_not_infer.contains(&device.architecture) {
            return Err(Problem::NoInference { chip });
        }
        let mut session = Self {
            lines: Vec::new(),
            alarm: Arc::default(),
            device,
            groups: Vec::new(),
            threads: Vec::new(),
            clock: Arc::clone(clock),
            _hefs: Vec::new(),
        };
        for network in &settings.networks {
            if let Err(problem) = session.add(network, settings, smaller, telemetry) {
                session.close();
                return Err(problem);
            }
        }
        Ok(session)
    }

    fn add(
        &mut self,
        network: &Network,
        settings: &Settings,
        smaller: bool,
        telemetry: &Arc<Telemetry>,
    ) -> Result<(), Problem> {
        let (file, fitness) = choose(network, self.device.architecture)?;
        if fitness == Fitness::Slower {
            tracing::warn!(file = %file.display(), "this HEF was compiled for a Hailo-8L; one for the Hailo-8 is faster");
        }
        let hef = Hef::open(self.device.library(), &file)?;
        let batch = if smaller { 1 } else { usize::from(network.batch.max(1)) };
        let depth = (settings.depth.max(1) * batch).min(MOST_TRAVELLING).max(batch);
        let ms = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        let placing = Placing {
            batch: u16::try_from(batch).unwrap_or(u16::MAX),
            power_mode: match settings.power_mode {
                PowerMode::Performance => hailort_sys::layout::power_mode::PERFORMANCE,
                PowerMode::UltraPerformance => hailort_sys::layout::power_mode::ULTRA_PERFORMANCE,
            },
            // The library refuses to wait for more than a batch.
            scheduler_threshold: settings.scheduler_threshold.min(u32::try_from(batch).unwrap_or(u32::MAX)),
            scheduler_timeout_ms: ms(settings.scheduler_timeout),
            scheduler_priority: settings.scheduler_priority,
            queue: u32::try_from(depth).unwrap_or(u32::MAX),
            timeout_ms: ms(settings.stalled()),
        };
        let group = Arc::new(Group::configure(&self.device, &hef, placing)?);
        self._hefs.push(hef);
        let strange = |mismatch| Problem::Mismatch { file: file.clone(), mismatch };
        let input = group.input().map_err(|e| Problem::of(e, file.clone()))?;
        let wanted = network.description.input.byte_count();
        if input.frame_size != wanted {
            let (found, input) = (input.frame_size, &network.description.input);
            return Err(strange(format!(
                "takes {found} bytes a picture; the description's {} of {} channels has {wanted}",
                input.size, input.channels
            )));
        }
        let (outputs, forms) = outputs(&group, &file)?;
        let order = output::matched(&network.description, &forms).map_err(strange)?;
        let desk = Arc::new(Desk::new(
            desk::Settings {
                input_size: input.frame_size,
                output_sizes: forms.iter().map(|form| form.frame_size).collect(),
                batch,
                gather: settings.gather,
                depth,
                most_waiting: (WAITING_BYTES / input.frame_size.max(1))
                    .clamp(LEAST_WAITING, MOST_WAITING)
                    .max(2 * batch),
            },
            Arc::clone(&self.clock),
            Arc::clone(telemetry),
        ));
        self.alarm.desks.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&desk));
        let position = |stream| order.iter().position(|of| *of == stream);
        let line = Arc::new(Line {
            outputs: (0..forms.len()).map(position).collect(),
            forms,
            layout: network.description.decoder.layout(),
            desk: Arc::clone(&desk),
            alarm: Arc::clone(&self.alarm),
            garbled: AtomicU32::new(0),
        });
        self.groups.push(group);
        let task = network.description.task.as_str();
        let write = writer(input, Arc::clone(&desk), Arc::clone(&self.alarm));
        self.start(&format!("npu {task} in"), write)?;
        for (stream, output) in outputs.into_iter().enumerate() {
            let (desk, alarm) = (Arc::clone(&desk), Arc::clone(&self.alarm));
            let read = reader(output, stream, desk, alarm, Arc::clone(telemetry));
            self.start(&format!("npu {task} {stream}"), read)?;
        }
        line.try_out(network, self.clock.now() + FIRST_PICTURE)?;
        self.lines.push(line);
        Ok(())
    }

    fn start(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Problem> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
        self.threads.push(thread.map_err(Problem::Threads)?);
        Ok(())
    }

    /// Runs a black picture through every network.
    pub(super) fn try_out(&self, networks: &[Network], limit: Duration) -> Result<(), Problem> {
        for (line, network) in self.lines.iter().zip(networks) {
            line.try_out(network, self.clock.now() + limit)?;
        }
        Ok(())
    }

    /// Takes everything down. False if a thread does not come back out of the library: then what it holds stays alive
    /// until it does.
    pub(super) fn close(mut self) -> bool {
        for desk in self.alarm.desks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            desk.close();
        }
        self.lines.clear();
        self.groups.iter().for_each(|group| group.shut_down());
        let limit = self.clock.now() + LAST_CALL;
        while self.threads.iter().any(|thread| !thread.is_finished()) {
            if self.clock.now() >= limit {
                return false;
            }
            self.clock.sleep(Duration::from_millis(1));
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the Hailo engine panicked; this is a bug in amslpr");
            }
        }
        true
    }
}

/// Pictures of one network inside the chip at most, however deep it is asked to be.
const MOST_TRAVELLING: usize = 64;
/// Jobs that may wait: as many as these bytes hold, within these limits.
const WAITING_BYTES: usize = 8 << 20;
const LEAST_WAITING: usize = 8;
const MOST_WAITING: usize = 64;

/// The outputs as they leave the chip, or converted by the library where only it can.
fn outputs(group: &Group, file: &std::path::Path) -> Result<(Vec<Output>, Vec<Form>), Problem> {
    let of = |floats| -> Result<(Vec<Output>, Vec<Form>), Problem> {
        let outputs = group.outputs(floats).map_err(|e| Problem::of(e, file.to_owned()))?;
        let forms: Result<Vec<Form>, String> = outputs.iter().map(|output| Form::of(&output.info)).collect();
        let forms = forms.map_err(|mismatch| Problem::Mismatch { file: file.to_owned(), mismatch })?;
        Ok((outputs, forms))
    };
    let (outputs, forms) = of(false)?;
    if forms.iter().any(Form::needs_floats) {
        drop(outputs);
        return of(true);
    }
    Ok((outputs, forms))
}

fn writer(mut input: Input, desk: Arc<Desk>, alarm: Arc<Alarm>) -> impl FnOnce() + Send {
    move || {
        let mut batch = Vec::new();
        while desk.next_batch(&mut batch) {
            for room in &batch {
                if let Err(fault) = desk.write(*room, |picture| input.write(picture)) {
                    return alarm.ring(fault.into());
                }
            }
        }
    }
}

fn reader(
    mut output: Output,
    stream: usize,
    desk: Arc<Desk>,
    alarm: Arc<Alarm>,
    telemetry: Arc<Telemetry>,
) -> impl FnOnce() + Send {
    move || {
        while let Some(room) = desk.next_to_read(stream) {
            let read = desk.read(room, stream, |place| match output.read(place) {
                // One late result is borne; the second in a row is a fault.
                Err(fault) if fault.remedy() == Remedy::Retry => {
                    telemetry.retried();
                    telemetry.error(fault.status);
                    output.read(place)
                }
                other => other,
            });
            if let Err(fault) = read {
                return alarm.ring(fault.into());
            }
        }
    }
}
