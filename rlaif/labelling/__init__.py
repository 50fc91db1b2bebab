"""The page on which people label pairs; knows records and files, no stage.

    tasks = open_tasks("pairs.jsonl", seed=0, database=scratch / "pairs.sqlite")
    answers = Answers(Path("pairs.labels.jsonl"))
    serve(Desk(tasks, answers, seed=0), port=0, annotator=None, opened=print)

Nothing but the prompt and the two texts reaches the page, in an order drawn for each annotator and
pair: no id, model, source, label or verdict. Answers are kept in terms of the input's sides.
"""
