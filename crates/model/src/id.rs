//! Typed names and ids. Each wraps the text that AWS shows; the constructors check nothing, because the wire
//! layer has validated what came from outside and the rest is made here.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// Text with a name, in no order.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text as AWS shows it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }
        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }
        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }
    };
}
pub(crate) use text;

macro_rules! text_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        text! { $(#[$doc])* $name }

        impl Ord for $name {
            /// By the text. Ids that share it are equal without a look at it: most of the parts of keys do.
            fn cmp(&self, other: &Self) -> Ordering {
                if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.cmp(&other.0) }
            }
        }
    )+};
}

text_id! {
    /// Twelve digits.
    AccountId,
    /// A region's name such as `us-east-1`.
    Region,
    /// A cluster's name, 1 to 255 letters, digits, hyphens and underscores.
    ClusterName,
    /// A task definition's family.
    Family,
    /// A container instance's id: 32 hexadecimal digits.
    InstanceId,
    /// A container's id in its ARN: a UUID with hyphens.
    ContainerId,
    /// A container's name in its task definition.
    ContainerName,
    /// An elastic network interface: `eni-` and 17 hexadecimal digits.
    EniId,
    /// `subnet-` and hexadecimal digits.
    SubnetId,
    /// `sg-` and hexadecimal digits.
    SecurityGroupId,
    /// `vpc-` and hexadecimal digits.
    VpcId,
    /// An attachment's id: a UUID with hyphens.
    AttachmentId,
    /// An access key id, `AKIA…` or a 12-digit account id with local keys.
    AccessKeyId,
    /// A CloudWatch Logs group's name.
    LogGroupName,
    /// A CloudWatch Logs stream's name.
    LogStreamName,
    /// A metric filter's name in its log group.
    MetricFilterName,
}
