//! Paths of the task metadata endpoint.

use std::fmt;

/// What a path asks for, and the endpoint id of the container that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route<'a> {
    pub(crate) id: &'a str,
    pub(crate) asked: Asked,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// `/vN/ID…`
    Metadata(Version, Of),
    /// `/api/ID/task-protection/v1/state`
    Protection,
}

/// Of the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V3,
    V4,
}

/// What of the container or its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    Container,
    Task,
    TaskWithTags,
    ContainerStats,
    TaskStats,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V3 => "V3",
            Self::V4 => "V4",
        })
    }
}

impl<'a> Route<'a> {
    /// `None` for a path that is not served.
    pub(crate) fn parse(path: &'a str) -> Option<Self> {
        let mut parts = path.strip_prefix('/')?.splitn(3, '/');
        let (root, id) = (parts.next()?, parts.next()?);
        let rest = parts.next().unwrap_or_default();
        let asked = match root {
            "v3" => Asked::Metadata(Version::V3, Of::parse(rest)?),
            "v4" => Asked::Metadata(Version::V4, Of::parse(rest)?),
            "api" if rest == "task-protection/v1/state" => Asked::Protection,
            _ => return None,
        };
        (!id.is_empty()).then_some(Self { id, asked })
    }
}

impl Of {
    fn parse(rest: &str) -> Option<Self> {
        Some(match rest {
            "" => Self::Container,
            "task" => Self::Task,
            "taskWithTags" => Self::TaskWithTags,
            "stats" => Self::ContainerStats,
            "task/stats" => Self::TaskStats,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_served_or_not() {
        let parse = |path: &'static str| Route::parse(path).map(|route| (route.id, route.asked));
        let v4 = |of| Some(("id", Asked::Metadata(Version::V4, of)));
        assert_eq!(parse("/v4/id"), v4(Of::Container));
        assert_eq!(parse("/v4/id/"), v4(Of::Container));
        assert_eq!(parse("/v4/id/task"), v4(Of::Task));
        assert_eq!(parse("/v4/id/taskWithTags"), v4(Of::TaskWithTags));
        assert_eq!(parse("/v4/id/stats"), v4(Of::ContainerStats));
        assert_eq!(parse("/v4/id/task/stats"), v4(Of::TaskStats));
        assert_eq!(parse("/v3/id/task"), Some(("id", Asked::Metadata(Version::V3, Of::Task))));
        assert_eq!(parse("/api/id/task-protection/v1/state"), Some(("id", Asked::Protection)));
        for path in [
            "",
            "/",
            "*",
            "/v4",
            "/v4/",
            "/v4//task",
            "/v4/id/tasks",
            "/v2/metadata",
            "/v5/id",
            "/api/id",
            "v4/id",
        ] {
            assert_eq!(parse(path), None, "{path}");
        }
    }
}
