//! Numbers as the bytes that loads take.

/// The bytes of numbers, in native byte order.
pub(crate) fn bytes_of(values: &[f64]) -> &[u8] {
    // SAFETY: every byte of an `f64` is initialised and any address is aligned for `u8`; the
    // length is that of the same borrowed memory.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
}

/// As [`bytes_of`], to be written to.
pub(crate) fn bytes_of_mut(values: &mut [f64]) -> &mut [u8] {
    // SAFETY: as in `bytes_of`; the borrow is exclusive, and any eight bytes are an `f64`.
    unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), size_of_val(values)) }
}
