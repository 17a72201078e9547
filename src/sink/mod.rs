//! Where an image goes.
