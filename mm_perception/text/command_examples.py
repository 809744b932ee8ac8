"""Sentences for what no rule knows: the nearest one says what is meant. THING is a noun phrase."""

from __future__ import annotations

from mm_perception.samples.speech import Intent

EXAMPLES: dict[Intent, tuple[str, ...]] = {
    Intent.TRACK: (
        'do not let THING out of your sight', 'keep watching THING', 'keep up with THING',
        'keep looking at THING', 'always know where THING is', 'put a tracker on THING',
        'tell me where THING goes', 'go after THING', 'make sure you do not lose THING',
        'keep THING in view', 'track where THING is going', 'have an eye on THING', 'track THING',
        'i want THING tracked', 'THING should be tracked', 'pay attention to THING',
    ),
    Intent.SEGMENT: (
        'i need the pixels of THING', 'separate THING from the background', 'segment THING',
        'paint over THING in the picture', 'show which pixels are THING', 'draw around THING',
        'what is the outline of THING', 'colour in THING', 'make a cutout of THING',
    ),
    Intent.STOP: (
        'i am done with THING', 'we are done here', 'you need not track THING',
        'THING does not matter any more', 'that will do', 'do not bother with THING any longer',
        'i do not care about THING', 'stop now', 'stop tracking THING', 'lose THING',
        'take THING off your list', 'you can let THING go', 'no more tracking',
    ),
    Intent.SELECT: (
        'i choose THING', 'let it be THING', 'it is THING that i want', 'select THING',
        'i was talking about THING', 'i am pointing at THING', 'THING is the one i mean',
    ),
    Intent.HIDE: (
        'i do not need to see THING', 'hide THING', 'make THING go', 'get THING out of the way',
        'THING should be hidden', 'make THING transparent', 'clear away THING',
        'i am tired of looking at THING', 'take THING out of the picture', 'blank out THING',
    ),
    Intent.SHOW: (
        'i want THING back', 'THING should be visible again', 'put THING back',
        'make THING show up again', 'let THING be seen', 'show THING again',
    ),
    Intent.TURN_ON: (
        'give THING power', 'let THING run', 'i would like THING on', 'get THING going',
        'THING should be on', 'turn on THING', 'switch THING on', 'it is too dark here',
    ),
    Intent.TURN_OFF: (
        'THING should be off', 'i do not need THING running', 'stop THING from running',
        'turn off THING', 'switch THING off', 'cut the power to THING', 'let THING go dark',
    ),
    Intent.FIND: (
        'in which place is THING', 'do you know where THING is', 'i wonder where THING is',
        'help me find THING', 'can you tell me where THING is', 'try to find THING', 'find THING',
        'i can not see THING', 'where might THING be', 'where on earth is THING',
        'which way to THING', 'take me to THING', 'lead me to THING', 'where is THING',
    ),
    Intent.ASK: (
        'what is THING like', 'tell me what THING looks like', 'how big is THING',
        'how far away is THING', 'is THING moving', 'what number of THING is there',
        'count how many THING there are', 'what can be seen', 'what is that thing',
        'say what is around me', 'do you notice anything', 'which objects are there',
    ),
    Intent.SUMMARISE: (
        'what was going on while i was away', 'bring me up to date', 'tell me what happened',
        'what has been going on', 'give me a short version', 'make a short report',
        'what were the main events', 'fill me in on what happened',
    ),
}  # fmt: skip
