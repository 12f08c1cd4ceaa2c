//! HTTP under one policy: the only room that may touch reqwest.
