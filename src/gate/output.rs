//! What is behind a gate's name: a line, a relay on the network, an access controller, a message.
//!
//! All are opened at rest. Each does one thing for one order, within a time, or says why not.

use std::{fmt, io, sync::Arc, time::Duration};

use super::{
    contact::Contact,
    line::{Input, LineError, Output as Line, Pull, Wiring},
    order::Order,
    relay::{self, Relay},
    wiegand::{self, Port},
};
use crate::{
    clock::{Clock, Moment},
    fact::gate::{GateId, Release},
};

/// Longest that one order may keep an output busy.
const LONGEST_CALL: Duration = Duration::from_secs(5);

/// An output as it is set up.
#[derive(Debug, Clone)]
pub enum Settings {
    Line(Wiring),
    Relay(relay::Settings),
    Wiegand {
        zero: Wiring,
        one: Wiring,
        settings: wiegand::Settings,
    },
    /// Somebody else does it, by a message.
    Message(Arc<dyn Outlet>),
}

/// Carries an order to somebody else; given by whoever knows the way.
pub trait Outlet: Send + Sync + fmt::Debug {
    /// Returns once the order has arrived, or why it has not; never later than `within`, and never after that does
    /// it arrive.
    fn carry(&self, gate: &GateId, order: &Order, pulse: Duration, within: Duration) -> Result<(), String>;
}

/// An input as it is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sensing {
    pub wiring: Wiring,
    pub pull: Pull,
    pub debounce: Duration,
}

impl Settings {
    /// Whether we have to switch it off again.
    pub(super) const fn holds(&self) -> bool {
        match self {
            Self::Line(_) => true,
            Self::Relay(relay) => relay.release_url.is_some(),
            Self::Wiegand { .. } | Self::Message(_) => false,
        }
    }

    /// Whether there is anything to send for this order.
    pub(super) fn has_number_for(&self, order: &Order) -> bool {
        match self {
            Self::Wiegand { settings, .. } => settings.frame(order).is_some(),
            Self::Line(_) | Self::Relay(_) | Self::Message(_) => true,
        }
    }
}

/// Why an output or an input cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error(transparent)]
    Line(#[from] LineError),
    #[error("{0}")]
    Password(String),
    #[error("its timer cannot be started: {0}")]
    Timer(#[from] io::Error),
}

/// An output and the inputs that go with it: all or nothing.
#[derive(Debug)]
pub(super) struct Wires {
    pub output: Output,
    pub interlock: Option<Input>,
    pub presence: Option<Input>,
}

#[derive(Debug)]
pub(super) enum Output {
    Contact(Contact),
    Relay(Relay),
    Wiegand(Port<Line>, wiegand::Settings),
    Message(Arc<dyn Outlet>),
}

impl Output {
    /// At rest.
    pub(super) fn open(
        settings: &Settings,
        gate: &GateId,
        pulse: Duration,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let consumer = format!("amslpr {gate}");
        Ok(match settings {
            Settings::Line(wiring) => {
                let line = Arc::new(Line::open(wiring, &consumer)?);
                Self::Contact(Contact::new(line, gate.as_str(), Arc::clone(clock))?)
            }
            Settings::Relay(settings) => {
                if let Some(missing) = settings.login.as_ref().and_then(|(_, password)| password.trouble()) {
                    return Err(OpenError::Password(missing.to_owned()));
                }
                let relay = Relay::new(settings.clone(), pulse);
                match settings.release_url {
                    Some(_) => {
                        Self::Contact(Contact::new(Arc::new(relay), gate.as_str(), Arc::clone(clock))?)
                    }
                    None => Self::Relay(relay),
                }
            }
            Settings::Wiegand { zero, one, settings } => {
                let port = Port::new(Line::open(zero, &consumer)?, Line::open(one, &consumer)?);
                Self::Wiegand(port, settings.clone())
            }
            Settings::Message(outlet) => Self::Message(Arc::clone(outlet)),
        })
    }

    /// Switches on for one pulse, for as long as the order is valid; says when it was on.
    pub(super) fn switch_on(
        &self,
        gate: &GateId,
        order: &Order,
        pulse: Duration,
        clock: &dyn Clock,
    ) -> Result<Moment, String> {
        let within = order.valid_until.since(clock.now()).min(LONGEST_CALL);
        match self {
            Self::Contact(contact) => contact.close_for(pulse).map_err(|error| error.to_string()),
            Self::Relay(relay) => relay.switch_on(within).map(|()| clock.now()),
            Self::Wiegand(port, settings) => {
                let frame = settings.frame(order).ok_or("there is no number to send")?;
                port.send(frame, clock).map(|()| clock.now())
            }
            Self::Message(outlet) => outlet.carry(gate, order, pulse, within).map(|()| clock.now()),
        }
    }

    pub(super) fn let_go(&self) {
        match self {
            Self::Contact(contact) => contact.let_go(),
            Self::Wiegand(port, _) => port.rest(),
            Self::Relay(_) | Self::Message(_) => {}
        }
    }

    /// How it came to rest by itself, told once.
    pub(super) fn ended(&self) -> Option<(Release, Moment)> {
        match self {
            Self::Contact(contact) => contact.ended(),
            Self::Relay(_) | Self::Wiegand(..) | Self::Message(_) => None,
        }
    }

    /// Whoever has to bring it to rest is at work.
    pub(super) fn moves(&self) -> bool {
        !matches!(self, Self::Contact(contact) if !contact.moves())
    }

    pub(super) fn is_stuck(&self) -> bool {
        matches!(self, Self::Contact(contact) if contact.is_stuck())
    }
}
