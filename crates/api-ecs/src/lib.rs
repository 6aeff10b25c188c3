//! The ECS API: requests into intent, records into answers
