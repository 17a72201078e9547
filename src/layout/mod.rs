//! Where every table, blob and partition lies.
