//! One task, pure: container order, essential, stop order, and what a report means for the record
