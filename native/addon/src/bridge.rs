//! One job's line to JavaScript: events out, replies in.

use holdall_core::error::Error as CoreError;
use holdall_core::object::Type;
use holdall_core::reader::Fetch;
use holdall_core::sink::{Outgoing, Sink, Store};
use napi::threadsafe_function::{
    ErrorStrategy, ThreadSafeCallContext, ThreadsafeFunction, ThreadsafeFunctionCallMode,
};
use napi::{Env, JsFunction, JsObject, JsUnknown, Result};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::Duration;

/// Every error crosses as `code: message`.
pub fn throw(e: CoreError) -> napi::Error {
    napi::Error::from_reason(format!("{}: {e}", e.code()))
}

pub enum Event {
    Put { request: f64, kind: &'static str, name: String, at: usize, length: usize },
    Fetch { request: f64, name: String, offset: f64, length: f64 },
    Rows(Vec<u8>),
    Trouble { path: Vec<u8>, message: String },
    Done(std::result::Result<String, CoreError>),
}

type Callback = ThreadsafeFunction<Event, ErrorStrategy::Fatal>;
type Answer = std::result::Result<Vec<u8>, CoreError>;

pub struct Bridge {
    events: Callback,
    held: Mutex<HashMap<u64, Vec<u8>>>,
    answers: Mutex<(u64, HashMap<u64, Option<Answer>>)>,
    answered: Condvar,
    pub cancelled: AtomicBool,
    pub sink: OnceLock<Arc<Sink>>,
}

impl Bridge {
    /// The line alone does not keep Node running: whoever waits for the job does.
    pub fn new(env: &Env, callback: JsFunction) -> Result<Arc<Bridge>> {
        let mut events: Callback = callback.create_threadsafe_function(0, convert)?;
        events.unref(env)?;
        Ok(Arc::new(Bridge {
            events,
            held: Mutex::default(),
            answers: Mutex::default(),
            answered: Condvar::new(),
            cancelled: AtomicBool::new(false),
            sink: OnceLock::new(),
        }))
    }

    pub fn send(&self, event: Event) {
        self.events.call(event, ThreadsafeFunctionCallMode::NonBlocking);
    }

    /// The store's answer to a put: the buffer goes back to the sink.
    pub fn reply(&self, request: u64, error: Option<String>) {
        let buffer = self.held.lock().expect("no panic").remove(&request).unwrap_or_default();
        if let Some(sink) = self.sink.get() {
            sink.reply(request, buffer, error.map_or(Ok(()), |m| Err(CoreError::Store(m))));
        }
    }

    /// The store's answer to a fetch.
    pub fn give(&self, request: u64, answer: Answer) {
        self.answers.lock().expect("no panic").1.insert(request, Some(answer));
        self.answered.notify_all();
    }

    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        if let Some(sink) = self.sink.get() {
            sink.cancelled.store(true, Ordering::SeqCst);
        }
        self.answered.notify_all();
    }
}

/// A store's puts, made by JavaScript.
pub struct Puts(pub Arc<Bridge>);

impl Store for Puts {
    fn put(&self, object: Outgoing) {
        let Outgoing { request, kind, name, buffer, length } = object;
        let at = buffer.as_ptr() as usize;
        self.0.held.lock().expect("no panic").insert(request, buffer);
        let kind = if kind == Type::Pack { "pack" } else { "index" };
        self.0.send(Event::Put { request: request as f64, kind, name, at, length });
    }
}

/// A store's gets, made by JavaScript; the asking thread waits.
pub struct Gets(pub Arc<Bridge>);

impl Fetch for Gets {
    fn fetch(&self, pack: &str, offset: u64, out: &mut [u8]) -> std::result::Result<(), CoreError> {
        let length = out.len() as f64;
        let mut answers = self.0.answers.lock().expect("no panic");
        let request = answers.0;
        answers.0 += 1;
        answers.1.insert(request, None);
        let name = pack.into();
        self.0.send(Event::Fetch { request: request as f64, name, offset: offset as f64, length });
        loop {
            if let Some(Some(_)) = answers.1.get(&request) {
                let bytes = answers.1.remove(&request).flatten().expect("just seen")?;
                if bytes.len() != out.len() {
                    return Err(CoreError::Damaged(format!("pack {pack} is cut short")));
                }
                out.copy_from_slice(&bytes);
                return Ok(());
            }
            if self.0.cancelled.load(Ordering::SeqCst) {
                return Err(CoreError::Cancelled);
            }
            let pause = Duration::from_millis(200);
            answers = self.0.answered.wait_timeout(answers, pause).expect("no panic").0;
        }
    }
}

/// Makes the object that JavaScript sees. A put's bytes stay Rust's: they are lent until the reply.
fn convert(ctx: ThreadSafeCallContext<Event>) -> Result<Vec<JsUnknown>> {
    let env = ctx.env;
    let mut out: JsObject = env.create_object()?;
    match ctx.value {
        Event::Put { request, kind, name, at, length } => {
            out.set("event", "put")?;
            out.set("request", request)?;
            out.set("kind", kind)?;
            out.set("name", name)?;
            // SAFETY: the bridge holds the bytes until JavaScript replies, and JavaScript does not
            // touch them after that.
            let bytes = unsafe {
                env.create_buffer_with_borrowed_data(at as *mut u8, length, (), |_, _| {})?
            };
            out.set("bytes", bytes.into_raw())?;
        }
        Event::Fetch { request, name, offset, length } => {
            out.set("event", "fetch")?;
            out.set("request", request)?;
            out.set("name", name)?;
            out.set("offset", offset)?;
            out.set("length", length)?;
        }
        Event::Rows(bytes) => {
            out.set("event", "rows")?;
            out.set("bytes", env.create_buffer_with_data(bytes)?.into_raw())?;
        }
        Event::Trouble { path, message } => {
            out.set("event", "trouble")?;
            out.set("path", env.create_buffer_with_data(path)?.into_raw())?;
            out.set("message", message)?;
        }
        Event::Done(result) => {
            out.set("event", "done")?;
            match result {
                Ok(json) => out.set("result", json)?,
                Err(e) => out.set("error", format!("{}: {e}", e.code()))?,
            }
        }
    }
    Ok(vec![out.into_unknown()])
}
