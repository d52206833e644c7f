//! What `[engine.onnxruntime]` means: which library, which numbers, which device.

use serde_spanned::Spanned;

use super::{
    meaning::{Context, or},
    report::FileId,
    schema,
};
use crate::infer::onnx::{Device, Settings};

const USUAL_MEMORY: u64 = 1 << 30;

/// What holds where nothing is written.
pub(super) fn usual() -> Settings {
    Settings { batch: 8, ..Settings::default() }
}

pub(super) fn interpret(context: &Context<'_>, engine: &schema::Engine, file: FileId) -> Settings {
    let mut settings = usual();
    let Some(table) = engine.onnxruntime.as_ref().map(Spanned::get_ref) else { return settings };
    settings.library = or(&table.library, None, |place| Some(context.merged.folder(file).join(&place.0)));
    settings.precision = or(&table.precision, settings.precision, |word| word.0);
    settings.batch = or(&table.batch_size, settings.batch, |n| u16::try_from(n.0).unwrap_or(1));
    if or(&table.provider, false, |word| word.0) {
        let id = or(&table.gpu, 0, |n| u16::try_from(n.0).unwrap_or(0));
        let memory = Some(or(&table.memory, USUAL_MEMORY, |bytes| bytes.0));
        settings.device = Device::Cuda { id, memory };
    }
    settings
}
