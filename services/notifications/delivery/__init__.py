"""What leaves EduStream: e-mail, and push or SMS where somebody added a provider.

A provider is a class with the methods of `channel.Channel`, made by a factory that takes the settings; its place is named by
`NOTIFICATIONS_PUSH_PROVIDER` or `NOTIFICATIONS_SMS_PROVIDER` as `package.module:factory`. Without one the channel is off: nothing
is queued for it. Claims, back-off, preferences and the promise never to send twice are the queue's (`sending`), for all channels.
Account events carry no telephone number and no device token: a provider finds those by `Letter.user_id` where they are kept."""
