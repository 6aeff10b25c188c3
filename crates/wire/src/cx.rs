//! Who calls.

use model::Scope;

/// What a verified request says about its caller. Handlers take it beside their input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cx {
    /// The account of the access key, in the region of the signature.
    pub scope: Scope,
    /// The caller's ARN: `arn:aws:iam::<account>:root`.
    pub caller_arn: String,
    /// The access key id that signed.
    pub access_key: String,
    /// The id that the answer carries as `x-amzn-RequestId`.
    pub request_id: String,
    /// The URL by which the caller reached the service, without a path: `http://` and the host that it signed, so that an
    /// answer can name an address that the caller can reach. `https` when a proxy in front says `X-Forwarded-Proto: https`.
    pub origin: String,
    /// The header `User-Agent`, empty when there is none.
    pub user_agent: String,
}
