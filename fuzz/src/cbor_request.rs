//! Any bytes as the body of every operation of a service that speaks CBOR: parsed, checked, and, where the check accepts
//! it, decoded.

use wire::{cbor, check::check as check_input, metrics, service::decode};

/// Whether an operation accepts it.
pub fn check(body: &[u8]) -> bool {
    let Ok(value) = cbor::parse(body) else { return false };
    let mut accepted = false;
    for operation in metrics::SERVICE.operations {
        let mut input = value.clone();
        if check_input(&metrics::SERVICE, operation.input, &mut input).is_err() {
            continue;
        }
        accepted = true;
        // What the check accepts, the types must hold.
        match operation.name {
            "GetMetricData" => drop(decode::<metrics::GetMetricDataInput>(input).unwrap()),
            "GetMetricStatistics" => drop(decode::<metrics::GetMetricStatisticsInput>(input).unwrap()),
            "PutMetricData" => drop(decode::<metrics::PutMetricDataInput>(input).unwrap()),
            _ => {}
        }
    }
    accepted
}
