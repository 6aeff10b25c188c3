//! Log drivers: the spool a container writes and the awslogs shipper that reads it
