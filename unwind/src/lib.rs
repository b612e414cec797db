//! An unwinder that finds no frame, for a static program that aborts on a panic and has no symbols.
//!
//! The standard library brings LLVM's unwinder and a reader of DWARF to print a backtrace. In a
//! stripped binary that prints addresses without names, and is a fifth of the binary. Where the
//! linker finds these functions it takes no other unwinder, and link-time optimisation sees that
//! no frame ever comes and drops the reader. The message and the place of a panic are printed as
//! before.
//!
//! They stand only where nothing can unwind. `_Unwind_Backtrace` says that there is no frame; the
//! others are never called, and are here because the standard library names them. If a newer one
//! names one more, the link fails with "multiple definition": add it here.
#![no_std]
#![cfg(all(target_env = "musl", panic = "abort"))]

use core::ffi::{c_int, c_void};

/// `_URC_END_OF_STACK` of the Itanium C++ ABI.
const END_OF_STACK: c_int = 5;

type Visit = extern "C" fn(*mut c_void, *mut c_void) -> c_int;

#[unsafe(no_mangle)]
extern "C" fn _Unwind_Backtrace(_visit: Visit, _argument: *mut c_void) -> c_int {
    END_OF_STACK
}

#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume(_exception: *mut c_void) -> ! {
    unreachable!("a panic aborts")
}

#[unsafe(no_mangle)]
extern "C" fn _Unwind_GetIP(_context: *mut c_void) -> usize {
    0
}

#[unsafe(no_mangle)]
extern "C" fn _Unwind_GetIPInfo(_context: *mut c_void, _is_before: *mut c_int) -> usize {
    0
}

#[unsafe(no_mangle)]
extern "C" fn _Unwind_GetDataRelBase(_context: *mut c_void) -> usize {
    0
}

#[unsafe(no_mangle)]
extern "C" fn _Unwind_GetTextRelBase(_context: *mut c_void) -> usize {
    0
}

#[unsafe(no_mangle)]
extern "C" fn _Unwind_GetRegionStart(_context: *mut c_void) -> usize {
    0
}

#[unsafe(no_mangle)]
extern "C" fn _Unwind_GetLanguageSpecificData(_context: *mut c_void) -> *const c_void {
    core::ptr::null()
}

#[unsafe(no_mangle)]
extern "C" fn _Unwind_SetGR(_context: *mut c_void, _register: c_int, _value: usize) {}

#[unsafe(no_mangle)]
extern "C" fn _Unwind_SetIP(_context: *mut c_void, _value: usize) {}
