//! Memory for results that grow large, in pages as large as the system has them.
//!
//! The first touch of a page of 4 KiB takes a virtual machine up to two microseconds, more
//! than to compute what goes there; that of a page of 2 MiB less than a tenth as long for
//! as much.

use std::mem::MaybeUninit;

/// From this many bytes on it is worth a call; NumPy draws the line there, too.
const LARGE: usize = 4 << 20;
/// What has come to so many bytes is likely to come to more: then it is given room for
/// twice as much, which takes no memory before it is touched.
const GROWING: usize = 256 << 10;

/// Has room for `more` behind what is there.
pub(crate) fn make_room<T>(all: &mut Vec<T>, more: usize) {
    if all.capacity() - all.len() < more {
        let wanted = (all.len() + more).saturating_mul(2);
        if !is_moved(all, wanted) {
            all.reserve(more);
        }
    }
}

/// Has room for what will be there when all parts are, `done` of which are: if that is much
/// and the system has it, for twice as much. It takes no memory before it is touched, and what
/// turns out to be too little is moved. Of the nuclei of real rows, which hold one token or
/// thousands, the first hundred rows tell the size to a quarter.
pub(crate) fn expect<T>(all: &mut Vec<T>, done: usize, parts: usize) {
    let wanted = (all.len() / done).saturating_mul(parts);
    if wanted > all.capacity() {
        is_moved(all, wanted.saturating_mul(2));
    }
}

/// Moves what is there to a larger room, whose pages nothing has touched yet. To let it grow
/// where it is would touch them before anything is said of them.
fn is_moved<T>(all: &mut Vec<T>, wanted: usize) -> bool {
    if wanted.saturating_mul(size_of::<T>()) < GROWING {
        return false;
    }
    let mut larger = Vec::new();
    let moved = larger.try_reserve_exact(wanted.max(LARGE / size_of::<T>())).is_ok();
    if moved {
        prefer_large(larger.spare_capacity_mut());
        larger.append(all);
        *all = larger;
    }
    moved
}

/// Asks for large pages behind room that nothing has been written to yet.
#[cfg(target_os = "linux")]
fn prefer_large<T>(room: &mut [MaybeUninit<T>]) {
    const PAGE: usize = 4096;
    let (start, bytes) = (room.as_mut_ptr().cast::<u8>(), size_of_val(room));
    let skipped = start.align_offset(PAGE);
    if skipped < bytes {
        // SAFETY: the address lies in the room, and so do as many bytes from there on. The
        // advice changes nothing in them, and one that the system does not take is no loss.
        unsafe {
            libc::madvise(start.add(skipped).cast(), bytes - skipped, libc::MADV_HUGEPAGE)
        };
    }
}

#[cfg(not(target_os = "linux"))]
fn prefer_large<T>(_: &mut [MaybeUninit<T>]) {}
