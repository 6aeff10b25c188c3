//! Container images: pull, load, verify, store by digest, unpack
