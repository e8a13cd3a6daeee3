//! Numbers as the bytes that registers are loaded from and stored to.

/// The bytes of numbers, in native byte order.
pub(crate) fn bytes_of_mut(values: &mut [f64]) -> &mut [u8] {
    // SAFETY: every byte of an `f64` is initialised, any address is aligned for `u8`, and the
    // length is that of the same borrowed memory; the borrow is exclusive, and any eight
    // bytes are an `f64`.
    unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), size_of_val(values)) }
}
