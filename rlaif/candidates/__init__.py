"""Prompts in, responses and pairs out: given, sampled from policy models, or revised by principle.

    sampler = Sampler(policy, client, seed=0)
    await pool.run(sampler.groups(prompts))             # a Pool with TextReader()
    for answered in gather(prompts, [sampler], ledger, drops):
        pairs = random_pairs(len(answered.candidates), 2, seed=0, key=answered.prompt.prompt_key)
        for row in comparisons(answered, pairs, seed=0): ...

Nothing here sends a call: a stage plans questions, the pool asks them, the ledger keeps them, and
`gather` reads them back. So a second run asks nothing that was answered before.
"""
