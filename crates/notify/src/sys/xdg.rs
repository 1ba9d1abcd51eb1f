//! The notifications of freedesktop.org, over D-Bus.

use anyhow::{Context as _, Result};
use notify_rust::{Notification, Timeout, Urgency};
use sisyphus_base::text::for_people;
use zbus::Connection;
use zbus::fdo::DBusProxy;

use crate::compose::{Message, Verdict};

const NAME: &str = "org.freedesktop.Notifications";
const PLACE: &str = "/org/freedesktop/Notifications";
/// One urgency for all outcomes. What is critical stays until it is dismissed and breaks through "do not disturb", on
/// GNOME and KDE: a failed test is not worth that, and ten of them would cover the screen. What is low has no banner on
/// GNOME: a build of an hour would end unseen. The icon and the title say the outcome.
const URGENCY: Urgency = Urgency::Normal;
/// Longest name of a server that is shown, in characters.
const NAME_MAX: usize = 100;

/// Shows a notification, in the place of the one with this id. Returns the id of the new one.
pub(crate) fn show(message: &Message, place: Option<u32>) -> Result<u32> {
    let mut notification = Notification::new();
    notification
        .appname("Sisyphus")
        .summary(&message.title)
        .body(&body(&message.body))
        .icon(icon(message.verdict))
        .urgency(URGENCY)
        .timeout(Timeout::Default);
    if let Some(id) = place {
        notification.id(id);
    }
    Ok(notification.show().context("could not show a notification")?.id())
}

/// A name that every icon theme has, by the specification of icon names.
fn icon(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "dialog-information",
        Verdict::Bad => "dialog-error",
        Verdict::Open => "dialog-warning",
    }
}

/// The text for the desktop: markup is escaped if the desktop interprets it.
fn body(text: &str) -> String {
    let reads_markup = notify_rust::get_capabilities()
        .is_ok_and(|all| all.iter().any(|capability| capability == "body-markup"));
    if reads_markup { escaped(text) } else { text.to_owned() }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The connection of the program that shows notifications. Ids are valid only there: after its restart, another
/// program's notification may have the same one.
pub(crate) fn server() -> Result<Option<String>> {
    zbus::block_on(async {
        let bus = DBusProxy::new(&Connection::session().await?).await?;
        // The bus starts some of these programs with the first notification.
        Ok(bus.get_name_owner(NAME.try_into()?).await.ok().map(|owner| owner.to_string()))
    })
}

/// Takes notifications from the screen.
pub(crate) fn close(ids: &[u32]) -> Result<()> {
    zbus::block_on(async {
        let connection = Connection::session().await?;
        for id in ids {
            let closed =
                connection.call_method(Some(NAME), PLACE, Some(NAME), "CloseNotification", id);
            match closed.await {
                // The desktop answers with an error, of its own or of the bus, if the user has dismissed it.
                Ok(_) | Err(zbus::Error::MethodError(..) | zbus::Error::FDO(_)) => {}
                Err(error) => return Err(error).context("could not close a notification"),
            }
        }
        Ok(())
    })
}

pub(crate) fn server_name() -> Result<String> {
    let server = notify_rust::get_server_information().context("could not ask the desktop")?;
    Ok(for_people(&format!("{} {} (D-Bus)", server.name, server.version), NAME_MAX))
}
