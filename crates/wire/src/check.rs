//! Checks a request against the model before a handler sees it.
