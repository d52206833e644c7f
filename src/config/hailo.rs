//! What `[engine.hailo]` means: which networks run on a Hailo, and how.

use serde_spanned::Spanned;

use super::{
    meaning::{Context, or},
    report::{FileId, Problem, Span},
    schema::{self, Key},
    values::Place,
};
use crate::infer::hailo::Plan;

/// `[engine.hailo]`; the built-in settings where it is not written.
pub(super) fn interpret(context: &mut Context<'_>, engine: &schema::Engine, file: FileId) -> Plan {
    let mut hailo = Plan::default();
    let Some(table) = engine.hailo.as_ref().map(Spanned::get_ref) else { return hailo };
    let place = |key: &Key<Place>| or(key, None, |p| Some(context.merged.folder(file).join(&p.0)));
    let batch = |n: u32| u16::try_from(n).unwrap_or(u16::MAX);
    hailo.detector = place(&table.detector);
    hailo.reader = place(&table.reader);
    hailo.read_batch = or(&table.batch_size, hailo.read_batch, |n| batch(n.0));
    hailo.detect_batch = or(&table.detect_batch_size, hailo.detect_batch, |n| batch(n.0));
    let settings = &mut hailo.settings;
    settings.library = place(&table.library);
    settings.gather = or(&table.gather, settings.gather, |t| t.0);
    settings.depth = or(&table.async_depth, settings.depth, |n| n.0 as usize);
    settings.deadline = or(&table.deadline, settings.deadline, |t| t.0);
    settings.power_mode = or(&table.power_mode, settings.power_mode, |word| word.0);
    settings.scheduler_threshold = or(&table.scheduler_threshold, settings.scheduler_threshold, |n| n.0);
    settings.scheduler_timeout = or(&table.scheduler_timeout, settings.scheduler_timeout, |t| t.0);
    settings.scheduler_priority =
        or(&table.scheduler_priority, settings.scheduler_priority, |n| u8::try_from(n.0).unwrap_or(31));
    settings.return_after = or(&table.return_after, settings.return_after, |t| t.0);
    let recovery = &mut settings.recovery;
    recovery.retry.first = or(&table.retry_after, recovery.retry.first, |t| t.0);
    recovery.rescan = or(&table.rescan_every, recovery.rescan, |t| t.0);
    // Limits that belong to times: a chip that is never waited for, or asked without a pause, helps nobody.
    let limits = [
        ("gather", &table.gather, 0, 1_000),
        ("deadline", &table.deadline, 10, 10_000),
        ("scheduler-timeout", &table.scheduler_timeout, 0, 1_000),
        ("return-after", &table.return_after, 0, 3_600_000),
        ("retry-after", &table.retry_after, 100, 60_000),
        ("rescan-every", &table.rescan_every, 1_000, 3_600_000),
    ];
    for (name, key, least, most) in limits {
        let Some(written) = key else { continue };
        if !(least..=most).contains(&written.get_ref().0.as_millis()) {
            let at = Span { file, bytes: written.span() };
            context.wrong(Problem::new(format!("{name} lies between {least} ms and {most} ms")).at(at, ""));
        }
    }
    hailo
}
