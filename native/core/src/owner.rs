//! Names of users and groups, as the system's own databases give them.

use std::ffi::CStr;

pub fn user_name(id: u32) -> Option<String> {
    let mut buffer = vec![0 as libc::c_char; 16 << 10];
    // SAFETY: a zeroed record is valid: its pointers are null.
    let mut record: libc::passwd = unsafe { std::mem::zeroed() };
    let mut found = std::ptr::null_mut();
    // SAFETY: every pointer is valid for its stated length; the result points into `buffer`.
    unsafe {
        libc::getpwuid_r(id, &mut record, buffer.as_mut_ptr(), buffer.len(), &mut found);
        (!found.is_null()).then(|| CStr::from_ptr(record.pw_name).to_string_lossy().into_owned())
    }
}

pub fn group_name(id: u32) -> Option<String> {
    let mut buffer = vec![0 as libc::c_char; 64 << 10];
    // SAFETY: a zeroed record is valid: its pointers are null.
    let mut record: libc::group = unsafe { std::mem::zeroed() };
    let mut found = std::ptr::null_mut();
    // SAFETY: as above.
    unsafe {
        libc::getgrgid_r(id, &mut record, buffer.as_mut_ptr(), buffer.len(), &mut found);
        (!found.is_null()).then(|| CStr::from_ptr(record.gr_name).to_string_lossy().into_owned())
    }
}
