"""People who use the bot, in the third person: they type, click, mention, open, submit."""

from sandbox.slack.blocks import shapes
from sandbox.slack.scenario import controls, observer
from sandbox.slack.scenario import text as scenario_text
from sandbox.slack.server import delivery as server_delivery
from sandbox.slack.server import payloads, responses
from sandbox.slack.state import channels, messages, records, workspace_state


class Person(observer.Observer):
    """
    Somebody with a Slack client in front of them.

    Every act waits until Slack has the bot's acknowledgement, or knows that there is none.
    """

    def __init__(self, state: workspace_state.State, user: channels.User, sent: server_delivery.Deliveries) -> None:
        super().__init__(state, user)
        self._sent = sent

    @property
    def chat_with_bot(self) -> channels.Channel:
        """Return the direct message channel with the bot."""
        return self._state.direct_channel(self.id, self._state.settings.bot_user_id)

    async def types(
        self, line: str, channel: channels.Channel, *, thread: messages.Message | None = None
    ) -> records.Delivery:
        """Type a slash command; what went wrong is shown to the person as Slack would."""
        word, _, rest = line.partition(" ")
        if not word.startswith("/"):
            raise ValueError(f"{line!r} is not a command; use says, mentions or writes_to_bot")
        self._require_membership(channel)
        text = scenario_text.command_text(self._state, rest.strip())
        payload = payloads.command(self._state, self.user, channel, word, text)
        refusal = self._command_refusal(word, channel, thread)
        if refusal:
            self._state.add_notice(channel.id, self.id, refusal)
            return self._refused(records.Kind.COMMAND, payload, word, refusal)
        delivery = await self._deliver_command(payload, word)
        if not delivery.is_acknowledged:
            is_late = delivery.outcome is records.Outcome.TIMED_OUT
            error = "operation_timeout" if is_late else "dispatch_failed"
            self._state.add_notice(channel.id, self.id, f'{word} failed with the error "{error}"')
        return delivery

    async def says(
        self, text: str, channel: channels.Channel, *, thread: messages.Message | None = None
    ) -> messages.Message:
        """Write a message; the bot hears of it where it is a member and asked for such events."""
        message = self._write(text, channel, thread)
        if self._state.is_bot_in(channel) and "message.channels" in self._state.settings.events:
            await self._deliver_event(payloads.message_event(self._state, message, "message"), channel)
        return message

    async def mentions(
        self,
        text: str,
        channel: channels.Channel,
        *,
        thread: messages.Message | None = None,
    ) -> records.Delivery:
        """Write a message that begins with the bot's name; it hears of it only where it is a member."""
        message = self._write(f"@{self._state.settings.bot_name} {text}", channel, thread)
        body = payloads.message_event(self._state, message, "app_mention")
        if not self._state.is_bot_in(self._state.channels[channel.id]):
            payload = payloads.event(self._state, body, self.user, channel)
            problem = f"the bot is not a member of {channel.name}"
            return self._refused(records.Kind.EVENT, payload, "app_mention", problem)
        return await self._deliver_event(body, channel)

    async def edits(self, message: messages.Message, text: str) -> records.Delivery:
        """
        Edit an own message; the bot hears of a mention again, and in its DM of a changed message.

        docs.slack.dev, message event: `edited`, and the subtype message_changed. That a mention comes as another
        app_mention, with an event id of its own, is what people report who use slack_bolt.
        """
        channel = self._state.channels[message.channel_id]
        linked = scenario_text.message_text(self._state, text)
        changed = self._state.change_message(message, is_edit=True, text=linked, has_edited_mark=True)
        if channel.kind is channels.Kind.DIRECT:
            return await self._deliver_event(payloads.changed_event(self._state, changed, message), channel)
        body = payloads.message_event(self._state, changed, "app_mention")
        return await self._deliver_event(body | {"event_ts": self._state.new_ts()}, channel)

    async def writes_to_bot(self, text: str, *, thread: messages.Message | None = None) -> records.Delivery:
        """Write in the direct message channel with the bot, where slash commands work as well."""
        channel = self.chat_with_bot
        if text.startswith("/"):
            return await self.types(text, channel, thread=thread)
        message = self._write(text, channel, thread)
        body = payloads.message_event(self._state, message, "message")
        return await self._deliver_event(body, channel)

    async def clicks(
        self,
        label: str,
        on: messages.Message | messages.View,
        *,
        values: shapes.Json | None = None,
        as_seen: bool = False,
    ) -> records.Delivery:
        """
        Press the button that is called *label* or has it as its action_id.

        *values* are, on a view, its whole `state.values`; on a message, what was typed before, by action_id.
        A question before it is answered with yes. With *as_seen* the button is taken from *on* as it was,
        even when the bot has changed it since: a click on a stale screen.
        Raises LookupError when there is no such button.
        """
        current = self._current(on)
        shown = on if as_seen else current
        control = controls.find_control(shown, label, ("button",))
        action = payloads.action_of(self._state, control, {})
        return await self._use(current, action, values)

    async def chooses(
        self,
        choice: str,
        on: messages.Message | messages.View,
        *,
        menu: str,
        values: shapes.Json | None = None,
    ) -> records.Delivery:
        """Take *choice* (an option's text, a user id, a date) from the menu with the action_id *menu*."""
        current = self._current(on)
        control = controls.find_control(current, menu, ())
        action = payloads.action_of(self._state, control, controls.chosen(control, choice))
        return await self._use(current, action, values)

    async def submits(self, view: messages.View, values: dict[str, str | list[str]] | None = None) -> records.Delivery:
        """Press a modal's submit button with *values* by the action_id of each input."""
        current = self._state.views[view.id]
        state_values = controls.fill_in(current, values or {})
        payload = payloads.submission(self._state, self.user, current, state_values)
        return await self._sent.deliver(
            records.Kind.INTERACTION,
            payload,
            what="view_submission",
            take_answer=lambda body: responses.take_submission_answer(self._state, current, body),
        )

    async def closes(self, view: messages.View) -> records.Delivery | None:
        """Close a modal; the bot hears of it only when the view asks for that."""
        current = self._state.views[view.id]
        responses.close_view(self._state, current)
        if not current.body.get("notify_on_close"):
            return None
        payload = payloads.closing(self._state, self.user, current)
        return await self._sent.deliver(records.Kind.INTERACTION, payload, what="view_closed")

    async def uses_shortcut(self, callback_id: str, on: messages.Message | None = None) -> records.Delivery:
        """Use a shortcut, on a message or from anywhere."""
        payload = payloads.shortcut(self._state, self.user, callback_id, on)
        return await self._sent.deliver(records.Kind.INTERACTION, payload, what=payload["type"])

    async def opens_home(self, tab: str = "home") -> records.Delivery:
        """Open the app's Home tab, or its Messages tab."""
        return await self._deliver_event(payloads.home_event(self._state, self.user, tab), None)

    async def invites_bot(self, channel: channels.Channel) -> records.Delivery:
        """Bring the bot into a channel."""
        own_id = self._state.settings.bot_user_id
        members = self._state.channels[channel.id].member_ids
        if own_id not in members:
            self._state.change_channel(channel.id, member_ids=(*members, own_id))
        body = {
            "type": "member_joined_channel",
            "user": own_id,
            "inviter": self.id,
            "channel": channel.id,
            "channel_type": "C",
            "team": self._state.settings.team_id,
            "event_ts": self._state.new_ts(),
        }
        return await self._deliver_event(body, channel)

    async def causes_event(self, body: shapes.Json, channel: channels.Channel | None = None) -> records.Delivery:
        """Do something that Slack tells the bot of in the words of *body*, whether it asked for it or not."""
        payload = payloads.event(self._state, body, self.user, channel)
        return await self._sent.deliver(records.Kind.EVENT, payload, what=str(body["type"]))

    async def _deliver_command(self, payload: shapes.Json, word: str) -> records.Delivery:
        key = payload["response_url"].rsplit("/", 1)[1]
        url = self._state.tokens.check_response_url(key)
        return await self._sent.deliver(
            records.Kind.COMMAND,
            payload,
            what=word,
            take_answer=lambda body: responses.take_command_answer(self._state, url, body),
        )

    async def _deliver_event(self, body: shapes.Json, channel: channels.Channel | None) -> records.Delivery:
        kind = str(body["type"])
        payload = payloads.event(self._state, body, self.user, channel)
        name = f"message.{'im' if body.get('channel_type') == 'im' else 'channels'}"
        if (name if kind == "message" else kind) not in self._state.settings.events:
            return self._refused(records.Kind.EVENT, payload, kind, "the app did not ask for it")
        return await self._sent.deliver(records.Kind.EVENT, payload, what=kind)

    async def _use(
        self,
        surface: messages.Message | messages.View,
        action: shapes.Json,
        values: shapes.Json | None,
    ) -> records.Delivery:
        if isinstance(surface, messages.Message):
            filled = controls.fill_in(surface, values or {}, is_submitted=False)
            payload = payloads.click_on_message(self._state, self.user, surface, action, filled)
        else:
            payload = payloads.click_on_view(self._state, self.user, surface, action, values or {})
        return await self._sent.deliver(records.Kind.INTERACTION, payload, what="block_actions")

    def _write(self, text: str, channel: channels.Channel, thread: messages.Message | None) -> messages.Message:
        self._require_membership(channel)
        if self._state.channels[channel.id].is_archived:
            raise ValueError(f"{channel.name} is archived")
        return self._state.add_message(
            channel.id,
            user_id=self.id,
            bot_id=f"B{self.id[1:]}" if self.user.is_bot else None,
            team_id=self.user.team_id,
            text=scenario_text.message_text(self._state, text),
            thread_ts=(thread.thread_ts or thread.ts) if thread else None,
        )

    def _require_membership(self, channel: channels.Channel) -> None:
        if self.id not in self._state.channels[channel.id].member_ids:
            raise ValueError(f"{self.user.name} is not a member of {channel.name}")

    def _current(self, on: messages.Message | messages.View) -> messages.Message | messages.View:
        if isinstance(on, messages.View):
            return self._state.views[on.id]
        message = self._state.messages[on.channel_id, on.ts]
        if message.is_deleted or message.seen_only_by not in (None, self.id):
            raise LookupError(f"{self.user.name} does not see this message any more")
        return message

    def _command_refusal(self, word: str, channel: channels.Channel, thread: messages.Message | None) -> str:
        if word not in self._state.settings.commands:
            return f"{word} is not a valid command."
        if thread is not None:
            return f"{word} is not supported in threads. Sorry!"
        if self._state.channels[channel.id].is_archived:
            return f"{word} cannot be used here: the channel is archived."
        return ""

    def _refused(self, kind: records.Kind, payload: shapes.Json, what: str, problem: str) -> records.Delivery:
        delivery = self._sent.note(kind, payload, what)
        delivery.give_up(problem)
        return delivery
