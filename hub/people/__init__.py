"""Who people are: users, passwords, sessions, tokens, links, and what two of them do together."""
