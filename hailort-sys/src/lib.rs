//! HailoRT C API.
