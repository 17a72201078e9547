//! Boot flows: what must lie where so that a board finds its kernel.
