//! From a text to a tree.

use super::comparison::{Argument, Comparison, TextTest};
use super::cursor::Cursor;
use super::error::QueryError;
use super::operator::{Operator, Relation};
use super::pattern::Pattern;
use super::value::{Second, Version, digits};
use super::{EXPRESSION_CHARS_MAX, Node};

/// Parentheses and negations may be this deep.
const DEPTH_MAX: usize = 32;
/// The most patterns in one expression: each takes up to some hundred KiB.
const PATTERNS_MAX: usize = 32;
/// Of an attribute's name (`name` of Attribute in the API reference).
const ATTRIBUTE_NAME_CHARS_MAX: usize = 128;
const SUBJECTS: &str = "a subject: agentConnected, agentVersion, attribute:NAME, ec2InstanceId, registeredAt, \
    runningTasksCount or task:group";

pub(super) fn parse(text: &str) -> Result<Node, QueryError> {
    if text.chars().count() > EXPRESSION_CHARS_MAX {
        let reason = format!("it has more than {EXPRESSION_CHARS_MAX} characters");
        return Err(QueryError::new(EXPRESSION_CHARS_MAX + 1, reason));
    }
    let mut parser = Parser { cursor: Cursor::new(text), patterns: 0 };
    let node = parser.any(0)?;
    if parser.cursor.rest().is_empty() { Ok(node) } else { Err(parser.cursor.expected("&&, || or the end")) }
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    patterns: usize,
}

impl<'a> Parser<'a> {
    fn any(&mut self, depth: usize) -> Result<Node, QueryError> {
        let mut operands = vec![self.all(depth)?];
        while self.eat("||") || self.cursor.eat_word("or") {
            operands.push(self.all(depth)?);
        }
        Ok(joined(operands, Node::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Node, QueryError> {
        let mut operands = vec![self.operand(depth)?];
        while self.eat("&&") || self.cursor.eat_word("and") {
            operands.push(self.operand(depth)?);
        }
        Ok(joined(operands, Node::All))
    }

    fn operand(&mut self, depth: usize) -> Result<Node, QueryError> {
        self.cursor.skip_whitespace();
        let opened = self.cursor.clone();
        let deeper = || {
            let reason = format!("parentheses and negations are more than {DEPTH_MAX} deep");
            if depth == DEPTH_MAX { Err(opened.error(reason)) } else { Ok(depth + 1) }
        };
        if self.cursor.eat("!") || self.cursor.eat_word("not") {
            return Ok(Node::Not(Box::new(self.operand(deeper()?)?)));
        }
        if !self.cursor.eat("(") {
            return self.comparison().map(Node::One);
        }
        let inner = self.any(deeper()?)?;
        if self.eat(")") { Ok(inner) } else { Err(self.cursor.expected("&&, || or ')'")) }
    }

    fn comparison(&mut self) -> Result<Comparison, QueryError> {
        let start = self.cursor.clone();
        let subject = self.cursor.word();
        if let Some(name) = subject.strip_prefix("attribute:") {
            check_attribute_name(name).map_err(|reason| start.error(reason))?;
            return Ok(Comparison::Attribute(name.into(), self.text_test()?));
        }
        match subject {
            "task:group" => Ok(Comparison::TaskGroup(self.text_test()?)),
            "ec2InstanceId" => Ok(Comparison::Ec2InstanceId(self.identity_test(subject)?)),
            "agentConnected" => self.agent_connected(subject),
            "agentVersion" => {
                let (relation, version) = self.scalar(subject, "a version such as 1.14.5", Version::parse)?;
                Ok(Comparison::AgentVersion(relation, version))
            }
            "registeredAt" => {
                let what = "a time such as 2018-06-18T22:28:28Z or 2018-06-18";
                let (relation, at) = self.scalar(subject, what, Second::parse)?;
                Ok(Comparison::RegisteredAt(relation, at))
            }
            "runningTasksCount" => {
                let (relation, count) = self.scalar(subject, "a number", digits)?;
                Ok(Comparison::RunningTasksCount(relation, count))
            }
            _ => Err(start.expected(SUBJECTS)),
        }
    }

    /// Any operator, and texts.
    fn text_test(&mut self) -> Result<TextTest, QueryError> {
        match Operator::parse(&mut self.cursor)? {
            Operator::Exists => Ok(TextTest::Exists),
            Operator::NotExists => Ok(TextTest::NotExists),
            Operator::Compare(relation) => Ok(TextTest::Compare(relation, Argument::new(self.argument()?))),
            Operator::In => Ok(TextTest::In(self.list()?)),
            Operator::NotIn => Ok(TextTest::NotIn(self.list()?)),
            Operator::Matches => Ok(TextTest::Matches(self.pattern()?)),
            Operator::NotMatches => Ok(TextTest::NotMatches(self.pattern()?)),
        }
    }

    /// Equality, lists and patterns.
    fn identity_test(&mut self, subject: &str) -> Result<TextTest, QueryError> {
        use Relation::{Equal, NotEqual};
        let mut ahead = self.cursor.clone();
        match Operator::parse(&mut ahead)? {
            Operator::Compare(Equal | NotEqual)
            | Operator::In
            | Operator::NotIn
            | Operator::Matches
            | Operator::NotMatches => self.text_test(),
            operator => Err(self.unfit(subject, operator, "==, !=, in, !in, =~ and !~")),
        }
    }

    fn agent_connected(&mut self, subject: &str) -> Result<Comparison, QueryError> {
        let start = self.cursor.clone();
        let test = self.identity_test(subject)?;
        let other = test.arguments().find(|argument| !["true", "false"].contains(argument));
        if let Some(other) = other {
            return Err(start.error(format!("{subject} is true or false, never '{other}'")));
        }
        Ok(Comparison::AgentConnected(test))
    }

    /// A comparison with something that has an order.
    fn scalar<V>(
        &mut self,
        subject: &str,
        what: &str,
        read: fn(&str) -> Option<V>,
    ) -> Result<(Relation, V), QueryError> {
        let mut ahead = self.cursor.clone();
        let relation = match Operator::parse(&mut ahead)? {
            Operator::Compare(relation) => relation,
            operator => return Err(self.unfit(subject, operator, "==, !=, >, >=, < and <=")),
        };
        self.cursor = ahead;
        self.cursor.skip_whitespace();
        let start = self.cursor.clone();
        let value = read(self.argument()?).ok_or_else(|| start.expected(what))?;
        Ok((relation, value))
    }

    /// An error about an operator, which is next.
    fn unfit(&mut self, subject: &str, operator: Operator, fit: &str) -> QueryError {
        self.cursor.skip_whitespace();
        self.cursor.error(format!("{subject} takes the operators {fit}, not {operator}"))
    }

    /// `[argument1, argument2, …]`
    fn list(&mut self) -> Result<Vec<Argument>, QueryError> {
        if !self.eat("[") {
            return Err(self.cursor.expected("a list such as [t2.small, t2.medium]"));
        }
        let mut arguments = vec![Argument::new(self.argument()?)];
        while self.eat(",") {
            arguments.push(Argument::new(self.argument()?));
        }
        if self.eat("]") { Ok(arguments) } else { Err(self.cursor.expected("',' or ']'")) }
    }

    /// One text, bare or quoted.
    fn argument(&mut self) -> Result<&'a str, QueryError> {
        self.cursor.skip_whitespace();
        if let Some(text) = self.cursor.quoted()? {
            return Ok(text);
        }
        let start = self.cursor.clone();
        let word = self.cursor.word();
        if word.is_empty() { Err(start.expected("a value")) } else { Ok(word) }
    }

    fn pattern(&mut self) -> Result<Pattern, QueryError> {
        self.cursor.skip_whitespace();
        let start = self.cursor.clone();
        let source = match self.cursor.quoted()? {
            Some(source) => source,
            None => self.cursor.bare_pattern(),
        };
        if self.cursor.rest().starts_with('(') {
            return Err(self.cursor.error("a pattern with parentheses needs quotation marks around it"));
        }
        if start.rest().len() == self.cursor.rest().len() {
            return Err(start.expected("a pattern"));
        }
        self.patterns += 1;
        if self.patterns > PATTERNS_MAX {
            return Err(start.error(format!("it has more than {PATTERNS_MAX} patterns")));
        }
        Pattern::new(source).map_err(|reason| start.error(format!("the pattern {source}: {reason}")))
    }

    /// Takes `token` after any whitespace.
    fn eat(&mut self, token: &str) -> bool {
        self.cursor.skip_whitespace();
        self.cursor.eat(token)
    }
}

/// The one node, or all of them.
fn joined(mut operands: Vec<Node>, join: fn(Vec<Node>) -> Node) -> Node {
    match operands.pop() {
        Some(only) if operands.is_empty() => only,
        last => {
            operands.extend(last);
            join(operands)
        }
    }
}

/// As attributes are named (Attribute in the API reference).
fn check_attribute_name(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_./\\".contains(c);
    if name.is_empty() {
        return Err("expected an attribute's name right after 'attribute:'".to_owned());
    }
    if let Some(c) = name.chars().find(|c| !fits(*c)) {
        return Err(format!("an attribute's name has no '{c}'"));
    }
    let is_long = name.len() > ATTRIBUTE_NAME_CHARS_MAX;
    if is_long {
        Err(format!("an attribute's name has at most {ATTRIBUTE_NAME_CHARS_MAX} characters"))
    } else {
        Ok(())
    }
}
