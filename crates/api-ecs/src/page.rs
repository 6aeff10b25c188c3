//! Pages of the List operations. A token is opaque, says after which key the next page begins, and is good for the
//! query that it came from only: a version, a digest of query and key, the key.

use crate::Refusal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt::Debug;
use wire::sigv4::sha256_hex;

/// The most results of one page, and the number when a request says nothing (ECS API Reference: `maxResults`).
const RESULTS_MAX: i32 = 100;

/// The first byte of a token, and the bytes of its digest.
const VERSION: u8 = 1;
const DIGEST_LEN: usize = 16;

/// One page of one query.
pub(crate) struct Page {
    query: String,
    after: Option<String>,
    results_max: usize,
}

impl Page {
    /// The page that a request asks for. `query` is everything else that the request and its caller's scope say.
    pub fn open(query: impl Debug, token: Option<&str>, results_max: Option<i32>) -> Result<Page, Refusal> {
        Self::of_at_most(RESULTS_MAX, query, token, results_max)
    }

    /// The same with another limit, for the operations that have one of their own.
    pub fn of_at_most(
        most: i32,
        query: impl Debug,
        token: Option<&str>,
        results_max: Option<i32>,
    ) -> Result<Page, Refusal> {
        let query = format!("{query:?}");
        let after = token.map(|t| after(&query, t).ok_or(Refusal::TokenInvalid)).transpose()?;
        let results_max = results_max.unwrap_or(most);
        if !(1..=most).contains(&results_max) {
            return Err(Refusal::ResultsMax(most));
        }
        Ok(Page { query, after, results_max: results_max as usize })
    }

    /// The key after which this page begins.
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Takes this page out of what follows [`Page::after`], and the token of the next page when something is left.
    pub fn take<T>(
        &self,
        rest: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> String,
    ) -> (Vec<T>, Option<String>) {
        let mut rest = rest.into_iter();
        let page: Vec<T> = rest.by_ref().take(self.results_max).collect();
        let more = rest.next().is_some();
        let token = page.last().filter(|_| more).map(|last| self.token(&key(last)));
        (page, token)
    }

    fn token(&self, after: &str) -> String {
        let digest = digest(&self.query, after);
        URL_SAFE_NO_PAD.encode([&[VERSION], digest.as_bytes(), after.as_bytes()].concat())
    }
}

fn after(query: &str, token: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (version, rest) = bytes.split_first()?;
    let (of, after) = rest.split_at_checked(DIGEST_LEN)?;
    let after = std::str::from_utf8(after).ok()?;
    (*version == VERSION && of == digest(query, after).as_bytes()).then(|| after.to_owned())
}

/// The debug form of a query escapes what separates it from the key.
fn digest(query: &str, after: &str) -> String {
    let mut digest = sha256_hex(format!("{query}\0{after}").as_bytes());
    digest.truncate(DIGEST_LEN);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks all pages of `keys` and returns them.
    fn walk(keys: &[u32], results_max: i32) -> Vec<Vec<u32>> {
        let (mut pages, mut token) = (Vec::new(), None::<String>);
        loop {
            let page = Page::open("q", token.as_deref(), Some(results_max)).expect("a valid page");
            let after = page.after().map(|a| a.parse::<u32>().expect("a number"));
            let rest = keys.iter().copied().filter(|&k| after.is_none_or(|a| k > a));
            let (taken, next) = page.take(rest, u32::to_string);
            pages.push(taken);
            token = next;
            if token.is_none() {
                return pages;
            }
        }
    }

    #[test]
    fn pages_are_full_and_the_last_has_no_token() {
        assert_eq!(walk(&[1, 2, 3, 4, 5], 2), [vec![1, 2], vec![3, 4], vec![5]]);
        assert_eq!(walk(&[1, 2, 3, 4], 2), [vec![1, 2], vec![3, 4]]);
        assert_eq!(walk(&[], 2), [Vec::<u32>::new()]);
    }

    #[test]
    fn a_token_is_good_for_its_own_query_only() {
        let (_, token) = Page::open("a", None, Some(1)).expect("a page").take([1, 2], u32::to_string);
        assert!(Page::open("a", token.as_deref(), None).is_ok());
        for (query, token) in
            [("b", token.as_deref().unwrap_or_default()), ("a", ""), ("a", "%"), ("a", "YQ")]
        {
            assert_eq!(
                Page::open(query, Some(token), None).err(),
                Some(Refusal::TokenInvalid),
                "{query} {token}"
            );
        }
    }

    #[test]
    fn a_token_shows_nothing_of_its_query_and_no_other_was_given_out() {
        let (_, token) =
            Page::open(("secret", 1), None, Some(1)).expect("a page").take([1, 2], u32::to_string);
        let bytes = URL_SAFE_NO_PAD.decode(token.expect("a second page")).expect("base64");
        assert!(!String::from_utf8_lossy(&bytes).contains("secret"));
        assert!(bytes.len() < 20, "however long the query is");
        for at in 0..bytes.len() {
            let mut spoilt = bytes.clone();
            spoilt[at] ^= 1;
            let spoilt = URL_SAFE_NO_PAD.encode(spoilt);
            let opened = Page::open(("secret", 1), Some(&spoilt), None);
            assert_eq!(opened.err(), Some(Refusal::TokenInvalid), "byte {at}");
        }
        for end in 0..bytes.len() {
            let cut = URL_SAFE_NO_PAD.encode(&bytes[..end]);
            assert!(Page::open(("secret", 1), Some(&cut), None).is_err(), "{end} bytes");
        }
    }

    #[test]
    fn a_page_has_one_to_a_hundred_results() {
        for n in [0, -1, 101, i32::MAX] {
            assert_eq!(Page::open("q", None, Some(n)).err(), Some(Refusal::ResultsMax(100)), "{n}");
        }
    }
}
