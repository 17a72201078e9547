//! `/var/lib/dpkg`, as dpkg writes it.
