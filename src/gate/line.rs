//! GPIO lines through the kernel's character device: found by name, or by chip label and offset.
//!
//! Never by chip number, which moves between kernels. An output is requested at rest in the request itself, and
//! which level is "on" is a flag that the kernel keeps, so that no code of ours can mistake it. Knows nothing of
//! orders.

use std::{fmt, path::PathBuf, time::Duration};

use gpiocdev::{
    Request,
    chip::{self, Chip},
    line::{Bias, Info, Value},
};

/// How long a line that is still being given up by another process is waited for.
const GIVING_UP: Duration = Duration::from_millis(500);
const RETRY: Duration = Duration::from_millis(20);

/// Where a line is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// By the line's own name, such as `GPIO17`.
    Name(String),
    /// By the label of its chip, such as `pinctrl-rp1`, and its number there.
    Offset { chip: String, offset: u32 },
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Offset { chip, offset } => write!(f, "line {offset} of {chip}"),
        }
    }
}

/// An output as it is wired.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wiring {
    pub address: Address,
    /// The low level is "on".
    pub active_low: bool,
}

/// Resistor inside the chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pull {
    /// As it is.
    #[default]
    None,
    Up,
    Down,
}

/// Why a line cannot be had or switched: what happened and what to do.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    #[error("there is no GPIO chip on this machine")]
    NoChips,
    #[error("there is no {0} on this machine{1}; `gpioinfo` lists the lines")]
    Missing(Address, String),
    #[error("several lines are called {0}; name the chip: {{ chip = \"label\", offset = n }}")]
    Ambiguous(Address),
    #[error("{0} is in use by {1:?}")]
    Busy(Address, String),
    #[error("{what}: {error}")]
    Kernel { what: String, error: gpiocdev::Error },
    /// A relay on the network did not do it.
    #[error("{0}")]
    Relay(String),
}

fn kernel(what: impl Into<String>) -> impl FnOnce(gpiocdev::Error) -> LineError {
    let what = what.into();
    |error| LineError::Kernel { what, error }
}

/// Something that is on or at rest.
pub(super) trait Switch: Send + Sync + fmt::Debug {
    fn set(&self, on: bool) -> Result<(), LineError>;

    /// How long `set` may take at worst.
    fn slowness(&self) -> Duration {
        Duration::ZERO
    }
}

/// A line of this process, at rest when it is made. Dropping it gives it back to the kernel, which may or may not
/// keep its level; so it is brought to rest before.
#[derive(Debug)]
pub(super) struct Output {
    request: Request,
    offset: u32,
    wiring: Wiring,
}

impl Output {
    pub(super) fn open(wiring: &Wiring, consumer: &str) -> Result<Self, LineError> {
        let found = find(&wiring.address)?;
        let mut request = Request::builder();
        request.with_consumer(consumer).on_chip(&found.chip).with_line(found.info.offset);
        // Active-low before the value: the value is the logical one.
        if wiring.active_low {
            request.as_active_low();
        }
        request.as_output(Value::Inactive);
        let request = request.request().map_err(|error| found.refused(&wiring.address, error))?;
        Ok(Self { request, offset: found.info.offset, wiring: wiring.clone() })
    }
}

impl Switch for Output {
    fn set(&self, on: bool) -> Result<(), LineError> {
        let value = if on { Value::Active } else { Value::Inactive };
        let verb = if on { "switched on" } else { "brought to rest" };
        self.request
            .set_value(self.offset, value)
            .map_err(kernel(format!("{} cannot be {verb}", self.wiring.address)))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Err(error) = self.set(false) {
            tracing::error!(%error, "a gate's line may be left switched on");
        }
    }
}

/// An input of this process.
#[derive(Debug)]
pub(super) struct Input {
    request: Request,
    address: Address,
}

impl Input {
    pub(super) fn open(wiring: &Wiring, pull: Pull, consumer: &str) -> Result<Self, LineError> {
        let found = find(&wiring.address)?;
        let mut request = Request::builder();
        request.with_consumer(consumer).on_chip(&found.chip).with_line(found.info.offset).as_input();
        if wiring.active_low {
            request.as_active_low();
        }
        match pull {
            Pull::None => {}
            Pull::Up => drop(request.with_bias(Bias::PullUp)),
            Pull::Down => drop(request.with_bias(Bias::PullDown)),
        }
        let request = request.request().map_err(|error| found.refused(&wiring.address, error))?;
        Ok(Self { request, address: wiring.address.clone() })
    }

    pub(super) fn is_active(&self) -> Result<bool, LineError> {
        let value = self.request.lone_value().map_err(kernel(format!("{} cannot be read", self.address)))?;
        Ok(value == Value::Active)
    }
}

/// Brings a line to rest on behalf of a process that is gone. `wait` for one that is just going.
pub fn bring_to_rest(wiring: &Wiring, wait: impl Fn(Duration)) -> Result<(), LineError> {
    let mut waited = Duration::ZERO;
    loop {
        match Output::open(wiring, "amslpr gate release") {
            Err(LineError::Busy(..)) if waited < GIVING_UP => {
                wait(RETRY);
                waited += RETRY;
            }
            outcome => return outcome.map(drop),
        }
    }
}

#[derive(Debug)]
struct Found {
    chip: PathBuf,
    info: Info,
}

impl Found {
    fn refused(&self, address: &Address, error: gpiocdev::Error) -> LineError {
        match &error {
            _ if self.info.used => LineError::Busy(address.clone(), self.info.consumer.clone()),
            gpiocdev::Error::Uapi(_, cause) if cause.to_string().contains("busy") => {
                LineError::Busy(address.clone(), self.info.consumer.clone())
            }
            _ => LineError::Kernel { what: format!("{address} cannot be had"), error },
        }
    }
}

/// Is there such a line? Changes nothing. Who has it, where somebody has.
pub fn user_of(address: &Address) -> Result<Option<String>, LineError> {
    let info = find(address)?.info;
    Ok(info.used.then_some(info.consumer))
}

/// Looks through all chips.
fn find(address: &Address) -> Result<Found, LineError> {
    let chips = chip::chips().map_err(kernel("the GPIO chips cannot be listed"))?;
    if chips.is_empty() {
        return Err(LineError::NoChips);
    }
    let mut closed = Vec::new();
    let mut found = Vec::new();
    for path in chips {
        match lines_of(&path, address) {
            Ok(infos) => found.extend(infos.into_iter().map(|info| Found { chip: path.clone(), info })),
            Err(error) => closed.push(format!("{} cannot be looked at: {error}", path.display())),
        }
    }
    match (found.pop(), found.is_empty()) {
        (Some(found), true) => Ok(found),
        (Some(_), false) => Err(LineError::Ambiguous(address.clone())),
        (None, _) => {
            let closed = if closed.is_empty() { String::new() } else { format!(" ({})", closed.join("; ")) };
            Err(LineError::Missing(address.clone(), closed))
        }
    }
}

fn lines_of(path: &PathBuf, address: &Address) -> Result<Vec<Info>, gpiocdev::Error> {
    let chip = Chip::from_path(path)?;
    match address {
        Address::Name(name) => {
            let lines = chip.line_info_iter()?.filter(|line| !line.as_ref().is_ok_and(|l| l.name != *name));
            lines.collect()
        }
        Address::Offset { chip: label, offset } => {
            let info = chip.info()?;
            if info.label == *label && *offset < info.num_lines {
                Ok(vec![chip.line_info(*offset)?])
            } else {
                Ok(Vec::new())
            }
        }
    }
}
