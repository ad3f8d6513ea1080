"""The hub: live connections of people, whichever process they hang on.

Every socket message is first a row of the log (`live.append`), numbered for each person without holes and in the order of
commits. The event that follows carries it to every hub, and a socket takes it only if its number is the next: a lower one is a
repetition, a higher one means that something was missed, and the socket reads on from the log. So delivery is live, in order and
without repetition, and reconnecting with `since` is the same thing as catching up."""
