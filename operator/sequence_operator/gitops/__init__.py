"""Git repositories → AlgoDeployments: looking, publishing what builders need, and carrying out what follows.

git itself runs in a child process (`child`, with `look` and what that uses); the operator's own process imports
neither GitPython nor anything that reads foreign bytes.
"""
