//! Several plates in one run of the reader, and whether that pays.

use super::sample::{Measured, Sampler};
use crate::{
    cli::read::EngineArgs,
    daemon::chain::Networks,
    infer::{EngineKind, InputPicture, description::Task},
};

const SIZES: [usize; 4] = [1, 4, 8, 16];

/// The reader network of each engine that works here, on 1, 4, 8 and 16 plates at a time.
pub(super) fn read(sampler: &Sampler, engine: &EngineArgs) -> anyhow::Result<Vec<Measured>> {
    let networks = Networks::load(&engine.settings(1))?;
    let mut rows = Vec::new();
    for kind in &networks.settings().order {
        let Some(mut engine) = networks.engine(*kind, Task::Read) else { continue };
        let input = engine.model().input.clone();
        // The time of a network does not depend on what it sees.
        let bytes: Vec<u8> = (0..input.byte_count()).map(|i| (i * 37 % 251) as u8).collect();
        let picture = InputPicture { size: input.size, channels: input.channels, bytes: &bytes };
        let (mut outputs, mut alone) = (Vec::new(), f64::NAN);
        for size in SIZES {
            let pictures = vec![picture; size];
            let row = sampler.measure(&batch_name(*kind, size), |_| engine.run(&pictures, &mut outputs))?;
            let each = row.median_ms / size as f64;
            if size == 1 {
                alone = each;
            }
            rows.push(row.with("ms a plate", each).with("times as fast as one by one", alone / each));
        }
    }
    anyhow::ensure!(!rows.is_empty(), "none of the engines asked for runs a network to read here");
    Ok(rows)
}

fn batch_name(kind: EngineKind, size: usize) -> String {
    let plates = if size == 1 { "plate" } else { "plates" };
    format!("{kind}: {size} {plates} a run")
}
