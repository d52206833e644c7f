//! AMSLPR: a licence-plate reader for the edge.
//!
//! # Bird's-eye view
//!
//! A frame comes in at a camera and a fact goes out to a journal, a broker and a gate. In between, data
//! flows one way, and each stage is a folder named for what it does:
//!
//! ```text
//! capture > detect > track > read > passage > access > journal, publish, gate
//! frame     boxes    same    one    one       may it   recorded, told, acted upon
//!                    plate   text   visit     pass?
//! ```
//!
//! [`capture`] hands out [`frame::Frame`]s from V4L2, RTSP and recordings. [`detect`] finds plates in a frame,
//! [`track`] says which of them is the same plate as before, [`read`] reads the crops worth reading, [`passage`]
//! votes over the reads of a track and turns it into one vehicle's visit, [`access`] decides about it.
//! [`gate`] asks a gate to open, before anything is written down; [`journal`] keeps the fact (and, in the same
//! transaction, the outbox row), [`publish`] delivers the outbox and hears what others ask for, which the daemon does.
//! [`api`] answers whoever asks over HTTP, [`webhook`] calls those who want to be told; [`daemon`] is the only place where stages are built and joined, and where
//! their meters ([`telemetry`]) are read; [`cli`] holds the words that people type.
//!
//! Start reading at [`daemon::pipeline`]: it is the whole chain for one camera, without threads.
//!
//! # Floors
//!
//! ```text
//! floor 5   main.rs  cli/                               words the admin types
//! floor 4   api/ > webhook/ > config/ > daemon/         answering, calling, reading, wiring, supervising, reporting
//! floor 3   journal/  publish/  gate/                   record | tell | act  (strangers to each other)
//! floor 2   capture/ > detect/ > track/ > read/ > passage/ > access/ > fact/   the one-way chain, and what it found
//! floor 1   infer/                                      engines: what runs a network (infer/hailo/: on the NPU)
//! floor 0   geometry clock heartbeat shutdown mailbox backoff secret caller telemetry/ plate/ frame/   vocabulary and tools
//! ```
//!
//! A module uses lower floors and, on its own floor, only what stands to its left. `tests/architecture.rs` reads
//! the imports and fails when that is not so.
//!
//! # Invariants
//!
//! * Every stage is a pure core beside a thin shell: vote, decide, step, fit take time and inputs as arguments.
//! * Frames move on threads through bounded mailboxes that forget the oldest; facts move on bounded queues that
//!   forget nothing. Only the rim (RTSP, MQTT, HTTP, signals) is async.
//! * Nobody below [`config`] knows TOML; only [`journal`], [`publish`], [`config`], [`api`], [`cli`] and the
//!   daemon's health report serialise, from types of their own, converted by hand.
//! * What is particular to a network stands in its description ([`infer::model`]), never in code.
//! * Wall time only where people read it; everything else computes with [`clock::Moment`].
//! * Nothing that comes from outside (a file, a camera, a broker, a list) can panic the program, fill its memory or
//!   pass unseen: it is refused with a reason, or counted and skipped.
//! * A plate is personal data: types that hold one do not print it at a level that the privacy setting forbids.
//! * `unsafe` lives in `hailort-sys` and in the few files that `tests/architecture.rs` names.
//!
//! # Words
//!
//! **frame** one picture of one camera · **detection** a plate's box in a frame · **track** one plate followed over
//! frames · **read** one OCR result of one crop · **reading** the vote of a track's reads · **passage** one
//! vehicle's visit, opened once and closed once · **decision** admit, refuse or watch, with its reason · **list
//! entry** a plate on an access list · **journal** what is kept · **engine** what runs a network · **model** a
//! network file plus its description.

pub mod access;
pub mod api;
pub mod backoff;
pub mod caller;
pub mod capture;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod detect;
pub mod fact;
pub mod frame;
pub mod gate;
pub mod geometry;
pub mod heartbeat;
pub mod infer;
pub mod journal;
pub mod mailbox;
pub mod passage;
pub mod plate;
pub mod publish;
pub mod read;
pub mod secret;
pub mod shutdown;
pub mod telemetry;
pub mod track;
pub mod webhook;
