//! A .deb file: ar members, two tar archives.
