"""Made-up passages with a question and a reply out of them, for training where the knowledge base gives too few.

Pure data, written for this product; knows nothing of models or of anybody's knowledge base.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """A question, the passage that answers it, and a short reply in a customer service agent's own words."""

    title: str
    text: str
    question: str
    reply: str


SAMPLES = (
    Sample(
        "Opening times of the pool",
        "The pool opens at 6:30 on weekdays and at 9:00 at weekends. Last entry is one hour before closing.",
        "When can I swim on a Saturday?",
        "The pool opens at 9:00 at weekends. Last entry is one hour before closing.",
    ),
    Sample(
        "Late books",
        "Each book that comes back late costs 20 cents a day, up to 6 euros. Children pay nothing.",
        "What happens if I bring a book back late?",
        "Each late book costs 20 cents a day, up to 6 euros. Children pay nothing.",
    ),
    Sample(
        "Visitors' comments on the museum café",
        "The soup was hot and the staff were kind. We waited half an hour for a table, though.",
        "Is the café any good?",
        "One visitor liked the hot soup and the kind staff, but had to wait half an hour for a table.",
    ),
    Sample(
        "Bicycles on trains",
        "Folding bicycles travel free of charge. Other bicycles need a ticket and may not be taken before 9:00.",
        "Can I take my bike on the 8 o'clock train?",
        "Only a folding bicycle, which travels free of charge. Other bicycles may not be taken before 9:00.",
    ),
    Sample(
        "Router lights",
        "A red light means that there is no connection. Switch the router off for ten seconds and on again.",
        "My router has a red light. What should I do?",
        "A red light means that there is no connection. Please switch the router off for ten seconds and on again.",
    ),
    Sample(
        "Changing the SIM card",
        "A new SIM card arrives within three days. The old one works until you activate the new one in the app.",
        "Will my phone work until the new card arrives?",
        "Yes, the old SIM card works until you activate the new one in the app.",
    ),
    Sample(
        "Parking at the clinic",
        "Patients park free of charge for two hours in the yard behind the clinic, wheelchairs near the door.",
        "Is there somewhere to park?",
        "Yes, patients can park free of charge for two hours in the yard behind the clinic.",
    ),
    Sample(
        "What customers say of the trail shoes",
        "Very light and comfortable from the first day. The sole wore down after one summer of gravel paths.",
        "How long do the trail shoes last?",
        "One customer says that the sole wore down after one summer of gravel paths, though the shoes are comfortable.",
    ),
    Sample(
        "Cancelling a course",
        "Courses can be cancelled up to 14 days before they begin for a full refund. Later we refund half of the fee.",
        "I can't come to my course next week. Do I get my money back?",
        "As the course begins in less than 14 days, we refund half of the fee.",
    ),
    Sample(
        "Dogs in the garden centre",
        "Dogs are welcome on a short lead. They may not enter the café.",
        "May I bring my dog?",
        "Yes, dogs are welcome on a short lead, but not in the café.",
    ),
    Sample(
        "Allergens",
        "Our rye bread holds no milk and no nuts. All breads are baked in a kitchen where nuts are used.",
        "Does the rye bread contain nuts?",
        "The rye bread holds no nuts, but it is baked in a kitchen where nuts are used.",
    ),
    Sample(
        "Student discount",
        "Students get 15 percent off with a valid card. The discount cannot be combined with other offers.",
        "Do you have a discount for students?",
        "Yes, students get 15 percent off with a valid card. It cannot be combined with other offers.",
    ),
    Sample(
        "Delivery of furniture",
        "Two people bring the furniture into the room of your choice. They take the packaging away if you ask.",
        "Will they carry the wardrobe upstairs?",
        "Yes, two people bring it into the room of your choice, and they take the packaging away if you ask.",
    ),
    Sample(
        "Washing the jacket",
        "Wash the jacket at 30 degrees without softener. Do not put it into the dryer.",
        "Can the jacket go in the dryer?",
        "No, please do not put it into the dryer. Wash it at 30 degrees without softener.",
    ),
    Sample(
        "Lost property",
        "What is found on our buses is kept for four weeks at the central station, counter 3.",
        "I left my scarf on the bus. Where can I ask?",
        "What is found on our buses is kept at the central station, counter 3, for four weeks.",
    ),
    Sample(
        "Meter readings",
        "Send us the meter reading in the first week of each quarter. Without it we estimate your consumption.",
        "What if I forget to send the meter reading?",
        "Then we estimate your consumption.",
    ),
    Sample(
        "Guests on the night train",
        "I slept well in the lower bed. My friend above me was cold and asked for a second blanket twice.",
        "Is it warm enough at night?",
        "Opinions differ: one guest slept well in the lower bed, but a friend above needed a second blanket.",
    ),
    Sample(
        "Battery of the e-bike",
        "A full charge takes five hours and lasts for 60 to 90 kilometres. Store the battery above 10 degrees.",
        "How far can I ride?",
        "A full charge lasts for 60 to 90 kilometres.",
    ),
    Sample(
        "Photographs in the gallery",
        "You may take photographs without flash. Tripods need a permit from the office.",
        "Can I take pictures?",
        "Yes, you may take photographs without flash. For a tripod you need a permit from the office.",
    ),
    Sample(
        "Joining the choir",
        "The choir meets on Tuesdays at 19:30. You need not read music, and the first three evenings are free.",
        "Do I have to read music to join?",
        "No, you need not read music. The choir meets on Tuesdays at 19:30, and the first three evenings are free.",
    ),
    Sample(
        "Renewing a passport",
        "Bring a photograph, your old passport and 60 euros. The new passport is ready after three weeks.",
        "What should I bring for a new passport?",
        "Please bring a photograph, your old passport and 60 euros.",
    ),
    Sample(
        "Reviews of the picnic basket",
        "The basket holds everything for four people. The lid is hard to close when it is full.",
        "Is the basket big enough for four of us?",
        "Yes, a customer says it holds everything for four people, though the lid is hard to close when it is full.",
    ),
    Sample(
        "Changing your address",
        "You change your address under Profile in the app. Orders on their way still go to the old address.",
        "I moved. How do I tell you my new address?",
        "You can change it under Profile in the app. Orders on their way still go to the old address.",
    ),
    Sample(
        "Sauna",
        "The sauna is included in the day ticket. It is closed for cleaning on Monday mornings.",
        "Do I pay extra for the sauna?",
        "No, the sauna is included in the day ticket.",
    ),
    Sample(
        "Recycling old phones",
        "Every shop takes old phones back. Delete your data and remove the card first.",
        "Where can I hand in my old phone?",
        "Every shop takes old phones back. Please delete your data and remove the card first.",
    ),
    Sample(
        "Children's menu",
        "Children under six eat for free with an adult. High chairs are by the door.",
        "Do small children pay?",
        "Children under six eat for free with an adult.",
    ),
    Sample(
        "Printing a ticket",
        "You need not print your ticket: the code on your phone is enough. Keep the screen bright.",
        "Do I need to print my ticket?",
        "No, the code on your phone is enough. Keep the screen bright.",
    ),
    Sample(
        "Hearing loop",
        "The hall has a hearing loop in rows 1 to 8. Headsets are lent at the cloakroom against a deposit.",
        "Is there anything for people who hear badly?",
        "Yes, the hall has a hearing loop in rows 1 to 8, and the cloakroom lends headsets against a deposit.",
    ),
    Sample(
        "What tenants say of the laundry room",
        "It is clean and never full on weekday mornings. On Sundays I had to come back three times.",
        "When is the laundry room least busy?",
        "On weekday mornings, says one tenant. On Sundays it can be full.",
    ),
    Sample(
        "Repairs",
        "A repair takes one to two weeks. You get a message when it is done, and pay when you collect the bag.",
        "How long will the repair of my bag take?",
        "A repair takes one to two weeks. You get a message when it is done.",
    ),
    Sample(
        "Solar panels in winter",
        "Snow on the panels lowers the yield. Please do not climb on the roof: it melts by itself.",
        "Should I clear the snow from my panels?",
        "Please do not climb on the roof. Snow lowers the yield, but it melts by itself.",
    ),
    Sample(
        "Choosing a seat",
        "Seats can be chosen when you book, for 3 euros each. Families sit together without a charge.",
        "Is there a fee for seats if we travel with children?",
        "No, families sit together without a charge.",
    ),
    Sample(
        "Vegetarian dishes",
        "Half of our dishes are vegetarian, and they carry a green leaf on the menu.",
        "Do you have something without meat?",
        "Yes, half of our dishes are vegetarian. They carry a green leaf on the menu.",
    ),
    Sample(
        "Key deposit",
        "The deposit for a locker key is 10 euros in cash. You get it back at the desk.",
        "Can I pay the deposit for the locker by card?",
        "The deposit for a locker key is 10 euros in cash. You get it back at the desk.",
    ),
    Sample(
        "Comments on the walking tour",
        "Our guide knew every stone and told it with humour. It was too long for our children.",
        "Is the walking tour right for children?",
        "One family found it too long for their children, though the guide knew every stone and had humour.",
    ),
    Sample(
        "Pausing the membership",
        "You can pause your membership once a year for up to three months. Tell us by the 15th of the month before.",
        "Can I pause my membership in July and August?",
        "Yes, you can pause it once a year for up to three months. Please tell us by the 15th of the month before.",
    ),
)
