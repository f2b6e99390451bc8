"""placeholder until research lands"""
