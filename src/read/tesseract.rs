//! A warm Tesseract: its C interface, and the only `unsafe` of the readers.
//!
//! One line of text at a time, LSTM engine, A-Z and 0-9 only, no dictionaries. How a plate becomes such a line
//! is `printed`'s business.

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    path::Path,
    ptr::{self, NonNull},
};

use image::GrayImage;
use tesseract_sys as sys;

use super::ReadError;

const LANGUAGE: &CStr = c"eng";
const WHITELIST: &CStr = c"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// Word lists that must be told off before Tesseract starts: plates are no words.
const NO_WORDS: [&CStr; 6] = [
    c"load_system_dawg",
    c"load_freq_dawg",
    c"load_punc_dawg",
    c"load_number_dawg",
    c"load_unambig_dawg",
    c"load_bigram_dawg",
];
/// Most symbols that are fetched of one line.
const MAX_SYMBOLS: usize = 32;

/// One symbol as Tesseract read it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Symbol {
    pub c: char,
    /// 0..=100, as Tesseract gives it.
    pub confidence: f32,
}

/// A started Tesseract. Costs about 15 MB and 70 ms to start, and is kept.
#[derive(Debug)]
pub(super) struct Recogniser {
    api: NonNull<sys::TessBaseAPI>,
}

// SAFETY: a handle is a heap object without ties to the thread that made it; `&mut self` on every method that
// touches it keeps it to one thread at a time.
unsafe impl Send for Recogniser {}

impl Recogniser {
    /// Starts Tesseract with its language data from `data`, or from where the system keeps them.
    pub(super) fn start(data: Option<&Path>) -> Result<Self, ReadError> {
        let unusable = |reason: String| ReadError::Tesseract { reason };
        let data = data
            .map(|d| CString::new(d.as_os_str().as_encoded_bytes()))
            .transpose()
            .map_err(|e| unusable(format!("the data directory's name: {e}")))?;
        // SAFETY: takes nothing, gives a new object or null.
        let api = unsafe { sys::TessBaseAPICreate() };
        let api = NonNull::new(api).ok_or_else(|| unusable("no memory for it".to_owned()))?;
        let recogniser = Self { api };
        let mut names = NO_WORDS.map(|name| name.as_ptr().cast_mut());
        let mut values = NO_WORDS.map(|_| c"0".as_ptr().cast_mut());
        // SAFETY: all pointers are to NUL-terminated strings or arrays of `NO_WORDS.len()` of them that outlive
        // the call; Tesseract copies them and writes to none.
        let failed = unsafe {
            sys::TessBaseAPIInit4(
                api.as_ptr(),
                data.as_ref().map_or(ptr::null(), |d| d.as_ptr()),
                LANGUAGE.as_ptr(),
                sys::TessOcrEngineMode_OEM_LSTM_ONLY,
                ptr::null_mut(),
                0,
                names.as_mut_ptr(),
                values.as_mut_ptr(),
                NO_WORDS.len(),
                0,
            )
        };
        if failed != 0 {
            let place = data.map_or_else(String::new, |d| format!(" in {}", d.to_string_lossy()));
            return Err(unusable(format!(
                "it finds no English language data{place}; install the package tesseract-ocr-eng"
            )));
        }
        recogniser.set(c"tessedit_char_whitelist", WHITELIST)?;
        // SAFETY: the handle is started; the mode is one of its enumeration.
        unsafe { sys::TessBaseAPISetPageSegMode(api.as_ptr(), sys::TessPageSegMode_PSM_SINGLE_LINE) };
        Ok(recogniser)
    }

    fn set(&self, name: &CStr, value: &CStr) -> Result<(), ReadError> {
        // SAFETY: the handle is valid and both strings are NUL-terminated; Tesseract copies them.
        let known = unsafe { sys::TessBaseAPISetVariable(self.api.as_ptr(), name.as_ptr(), value.as_ptr()) };
        if known != 0 {
            return Ok(());
        }
        Err(ReadError::Tesseract {
            reason: format!("it does not know the setting {}", name.to_string_lossy()),
        })
    }

    /// Reads one line of dark text on white.
    pub(super) fn read(&mut self, line: &GrayImage, symbols: &mut Vec<Symbol>) -> Result<(), ReadError> {
        symbols.clear();
        let failed = |reason: &str| ReadError::Tesseract { reason: reason.to_owned() };
        let width = c_int::try_from(line.width()).map_err(|_| failed("the line is too wide"))?;
        let height = c_int::try_from(line.height()).map_err(|_| failed("the line is too high"))?;
        if width == 0 || height == 0 {
            return Ok(());
        }
        one_thread_only();
        // SAFETY: the buffer holds `height` rows of `width` bytes, as a `GrayImage` guarantees; Tesseract copies it.
        unsafe {
            sys::TessBaseAPISetImage(self.api.as_ptr(), line.as_raw().as_ptr(), width, height, 1, width);
            sys::TessBaseAPISetSourceResolution(self.api.as_ptr(), 300);
        }
        // SAFETY: an image is set; without a monitor it runs to its end.
        if unsafe { sys::TessBaseAPIRecognize(self.api.as_ptr(), ptr::null_mut()) } != 0 {
            return Err(failed("it gave up on the picture"));
        }
        // SAFETY: recognised; null if there is no text at all.
        let first = unsafe { sys::TessBaseAPIGetIterator(self.api.as_ptr()) };
        let Some(iterator) = NonNull::new(first) else { return Ok(()) };
        let level = sys::TessPageIteratorLevel_RIL_SYMBOL;
        while symbols.len() < MAX_SYMBOLS {
            // SAFETY: the iterator is valid until it is deleted below or the handle is used again.
            let (text, confidence) = unsafe {
                (
                    sys::TessResultIteratorGetUTF8Text(iterator.as_ptr(), level),
                    sys::TessResultIteratorConfidence(iterator.as_ptr(), level),
                )
            };
            if !text.is_null() {
                // SAFETY: a NUL-terminated string that is ours until it is deleted.
                let c = unsafe { CStr::from_ptr(text) }.to_str().ok().and_then(|t| t.chars().next());
                symbols.extend(c.map(|c| Symbol { c, confidence }));
                // SAFETY: from GetUTF8Text, deleted once.
                unsafe { sys::TessDeleteText(text) };
            }
            // SAFETY: as above.
            if unsafe { sys::TessResultIteratorNext(iterator.as_ptr(), level) } == 0 {
                break;
            }
        }
        // SAFETY: from GetIterator, deleted once and not used after.
        unsafe { sys::TessResultIteratorDelete(iterator.as_ptr()) };
        Ok(())
    }
}

impl Drop for Recogniser {
    fn drop(&mut self) {
        // SAFETY: made by Create, deleted once.
        unsafe { sys::TessBaseAPIDelete(self.api.as_ptr()) };
    }
}

/// Keeps Tesseract from spreading one line over all cores, which makes it five to nine times slower.
///
/// `OMP_THREAD_LIMIT=1` in the environment does it too, but only if it is there when the program starts. OpenMP's
/// own switch counts for the calling thread only, so it is thrown before every line; that costs nothing.
fn one_thread_only() {
    unsafe extern "C" {
        fn dlsym(handle: *mut c_void, symbol: *const c_char) -> *mut c_void;
    }
    // SAFETY: looks a name up among the libraries that are loaded; a null handle means all of them.
    let found = unsafe { dlsym(ptr::null_mut(), c"omp_set_max_active_levels".as_ptr()) };
    if found.is_null() {
        // Tesseract was built without OpenMP: there is nothing to be kept from.
        return;
    }
    // SAFETY: the OpenMP standard gives the function of this name this type.
    let set_max_active_levels: extern "C" fn(c_int) = unsafe { std::mem::transmute(found) };
    set_max_active_levels(0);
}
