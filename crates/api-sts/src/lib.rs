//! The STS API: who is calling.
//!
//! What it is not: authentication. The wire layer has verified the signature before an operation runs. Roles and
//! sessions come with IAM; until then each access key acts for its account's administrator.
//!
//! Start at [`Sts`].

use async_trait::async_trait;
use wire::sts::{Api, GetCallerIdentityRequest, GetCallerIdentityResponse};
use wire::{ApiError, Cx};

/// The implementation of [`wire::sts::Api`]. It has no state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sts;

#[async_trait]
impl Api for Sts {
    /// AWS STS API reference: `GetCallerIdentity`. The user id of an account's root is the account's id.
    async fn get_caller_identity(
        &self,
        cx: &Cx,
        _: GetCallerIdentityRequest,
    ) -> Result<GetCallerIdentityResponse, ApiError> {
        let account = cx.scope.account.to_string();
        Ok(GetCallerIdentityResponse {
            arn: Some(format!("arn:aws:iam::{account}:root")),
            user_id: Some(account.clone()),
            account: Some(account),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    #[test]
    fn the_administrator_is_the_root_of_the_keys_account() {
        let cx = Cx {
            scope: model::Scope::new("123456789012", "eu-west-1"),
            caller_arn: "arn:aws:iam::123456789012:root".to_owned(),
            access_key: "123456789012".to_owned(),
            request_id: "r".to_owned(),
            origin: String::new(),
            user_agent: String::new(),
        };
        let answer = pin!(Sts.get_caller_identity(&cx, GetCallerIdentityRequest {}));
        let Poll::Ready(Ok(answer)) = { answer }.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        else {
            panic!("answers at once")
        };
        assert_eq!(answer.account.as_deref(), Some("123456789012"));
        assert_eq!(answer.arn.as_deref(), Some("arn:aws:iam::123456789012:root"));
        assert_eq!(answer.user_id.as_deref(), Some("123456789012"));
    }
}
